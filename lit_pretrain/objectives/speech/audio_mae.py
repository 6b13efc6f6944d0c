"""Patches of a spectrogram from the visible ones.

Legend: B recordings, N patches of each, U patches of all recordings end to end, K of them visible, M hidden ones, P frames
and Q bands of a patch, D width.
"""

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.corruptions.time_frequency import TimeFrequency
from lit_pretrain.nn.init.xavier_uniform import start
from lit_pretrain.nn.patches import among_hidden, moments, sides, unpatchify
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Layout, Losses, SpeechBatch, Term, UnitBatch


class AudioMAE(PretrainModule):
    """Masked autoencoder of spectrograms (Audio-MAE, arXiv 2207.06405): a fifth of the patches must tell the others.

    The encoder reads the visible patches only. A light decoder gets their projected vectors and a learned mask vector at
    each hidden place, and predicts the log-mels there, normalised by the mean and the standard deviation of their own patch:

        loss = mean over hidden patches of |prediction - (patch - mean) / std|^2 / (P Q)

    The paper's decoder attends within shifted local windows, which it found a little better than the global attention of
    `ViTDecoder`. Its pretraining hides patches at random, its fine-tuning rows and columns (`TimeFrequency`). Projection,
    decoder and head are left behind. Base setting: `SpectrogramViT(LogMelPatches(768))`, `ViTDecoder()`.

    Args:
        encoder: with a front end whose features are patches; it must not compute what `keep` leaves out.
        decoder: blocks over vectors with positions of their own and a mask vector, such as `encoders.vit.ViTDecoder`.
        patch_size: P and Q, or one number for both, as the encoder has them.
        masking: which patches are hidden; 80 % at random in the paper.
        normalise: predict normalised patches.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Encoder,
        *,
        patch_size: int | tuple[int, int] = 16,
        masking: RandomUnits | TimeFrequency = RandomUnits(0.8),
        normalise: bool = True,
    ):
        super().__init__()
        self.encoder, self.decoder, self.masking = encoder, decoder, masking
        self.patch_size, self.normalise = sides(patch_size), normalise
        self.projection, self.head = nn.Linear(encoder.dim, decoder.dim), nn.Linear(decoder.dim, prod(self.patch_size))
        start(self.projection, self.head)

    def loss(self, batch: SpeechBatch) -> Losses:
        patches = self.patches(batch)
        hidden = self.masking(patches.layout, self.generator)  # (U,) bool
        predicted, target = self.predict(patches, hidden)[hidden], patches.units[hidden].float()  # (M, P Q)
        if self.normalise:
            mean, std = moments(target)
            target = (target - mean) / std
        # The error in fp32.
        return {"audio_mae": Term(F.mse_loss(predicted.float(), target, reduction="none").mean(1).sum(), hidden.sum())}

    def patches(self, batch: SpeechBatch) -> UnitBatch:
        """(U, P Q) what the front end makes of the recordings."""
        patches = self.encoder.features(batch)
        if patches.units.shape[1] != prod(self.patch_size):
            raise ValueError(f"patch_size={self.patch_size}, and the encoder's patches have {patches.units.shape[1]}"
                             " numbers: give its own patch_size")  # fmt: skip
        return patches

    def predict(self, patches: UnitBatch, hidden: Tensor) -> Tensor:
        """(U, P Q): what the decoder says of every patch."""
        visible = self.projection(self.encoder(patches, keep=~hidden).units)  # (K, D)
        units = UnitBatch(among_hidden(visible, hidden), patches.layout)
        return self.head(self.decoder(units, mask=hidden).units)

    @torch.no_grad()
    def pictures(self, batch: SpeechBatch) -> dict[str, Tensor]:
        """Rows of masked spectrogram, prediction in its place, original: (B, 3, 1, mels, frames) between 0 and 1."""
        patches = self.patches(batch)
        hidden, layout = self.masking(patches.layout, self.generator), patches.layout
        predicted, original = self.predict(patches, hidden).float(), patches.units.float()
        if self.normalise:  # by the true mean and deviation, as the paper draws it
            mean, std = moments(original)
            predicted = predicted * std + mean
        low, high = original.aminmax()
        shown = (original.masked_fill(hidden[:, None], low), torch.where(hidden[:, None], predicted, original), original)
        rows = torch.stack([self._picture((x - low) / (high - low).clamp(min=1e-12), layout) for x in shown], 1)
        return {"reconstruction": rows.clamp(0, 1)}

    def _picture(self, patches: Tensor, layout: Layout) -> Tensor:
        """(U, P Q) -> (B, 1, mels, frames): time runs to the right, low bands lie at the bottom; NaN where nothing is."""
        rows, columns = layout.grid
        whole = patches.new_full((layout.num_examples, rows * columns, prod(self.patch_size)), torch.nan)
        whole[layout.example, layout.position] = patches
        used = -(-layout.max_length // columns)
        return unpatchify(whole, self.patch_size, layout.grid).mT.flip(-2)[..., : used * self.patch_size[0]]
