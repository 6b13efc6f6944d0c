"""Pixels of hidden patches from the visible ones.

Legend: B images, C channels, S side of an image, P side of a patch, N patches of an image, U units of all images end to
end ([CLS] included), K of them visible, M hidden patches, D width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.nn.init.xavier_uniform import start
from lit_pretrain.nn.patches import among_hidden, moments, patchify, unpatchify
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Layout, Losses, Term, UnitBatch


class MAE(PretrainModule):
    """Masked autoencoder (arXiv 2111.06377): a quarter of the patches must tell what the others look like.

    The encoder reads the visible patches only, so its cost falls with the share that is hidden. A light decoder gets
    their projected vectors and a learned mask vector at each hidden place, and predicts the pixels there, normalised by
    the mean and the standard deviation of their own patch:

        loss = mean over hidden patches of |prediction - (pixels - mean) / std|^2 / (P^2 C)

    Projection, decoder and head are left behind. Base setting: ViT-B/16 with SinCos2D positions and `XavierUniform` weights,
    `ViTDecoder()`.

    Args:
        encoder: of patches; it must not compute what `keep` leaves out.
        decoder: blocks over vectors with positions of their own and a mask vector, such as `encoders.vit.ViTDecoder`.
        patch_size: P, the encoder's.
        channels: C.
        masking: which patches are hidden; 75 % in the paper.
        normalise: predict normalised pixels, which the paper found better than plain ones.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Encoder,
        *,
        patch_size: int = 16,
        channels: int = 3,
        masking: RandomUnits = RandomUnits(0.75),
        normalise: bool = True,
    ):
        super().__init__()
        self.encoder, self.decoder, self.masking = encoder, decoder, masking
        self.patch_size, self.normalise = patch_size, normalise
        self.projection = nn.Linear(encoder.dim, decoder.dim)
        self.head = nn.Linear(decoder.dim, patch_size**2 * channels)
        start(self.projection, self.head)

    def loss(self, batch: ImageBatch) -> Losses:
        layout = self.encoder.layout(batch)
        hidden = self.masking(layout, self.generator)  # (U,) bool
        index = hidden.nonzero()[:, 0]  # (M,), found once: each search waits for the device
        predicted, pixels = self.predict(batch, layout, hidden, index), self.targets(batch, layout, index)  # (M, P P C)
        error = F.mse_loss(predicted.float(), pixels, reduction="none").mean(1)  # in fp32
        return {"mae": Term(error.sum(), len(index))}

    def predict(self, batch: ImageBatch, layout: Layout, hidden: Tensor, index: Tensor) -> Tensor:
        """(M, P P C): what the decoder says of the hidden patches, which are (U,) bool `hidden` and the units `index`."""
        visible = self.projection(self.encoder(batch, keep=~hidden).units)  # (K, D)
        units = self.decoder(UnitBatch(among_hidden(visible, hidden), layout), mask=hidden).units  # (U, D)
        return self.head(units[index])

    def targets(self, batch: ImageBatch, layout: Layout, index: Tensor) -> Tensor:
        """(M, P P C): the pixels of the patches that are the units `index`, normalised in fp32."""
        patches = patchify(batch.images.float(), self.patch_size).flatten(0, 1)  # (B N, P P C)
        patches = patches[index - layout.leading * (1 + layout.example[index])]  # they have no leading units between them
        if not self.normalise:
            return patches
        mean, std = moments(patches)
        return (patches - mean) / std

    @torch.no_grad()
    def pictures(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Rows of masked image, prediction in its place, original: (B, 3, C, S, S) between 0 and 1."""
        layout = self.encoder.layout(batch)
        hidden = self.masking(layout, self.generator)
        patches = patchify(batch.images, self.patch_size)
        predicted = self.predict(batch, layout, hidden, hidden.nonzero()[:, 0]).to(patches.dtype)
        hidden = hidden.unflatten(0, (*patches.shape[:1], -1))[:, layout.leading :, None]  # (B, N, 1)
        if self.normalise:  # by the true mean and deviation, as the paper draws it
            mean, std = (x[hidden[..., 0]] for x in moments(patches))
            predicted = predicted * std + mean
        shown = (patches.masked_fill(hidden, 0.0), patches.masked_scatter(hidden, predicted), patches)
        images = torch.stack([unpatchify(x, self.patch_size, layout.grid) for x in shown], 1)
        return {"reconstruction": batch.pixels.restore(images)}
