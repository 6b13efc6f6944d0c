"""Clean frames from altered ones. Legend: U frames of all recordings end to end, F width of features, D of the network."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.corruptions.frequency_alteration import FrequencyAlteration
from lit_pretrain.corruptions.magnitude_alteration import MagnitudeAlteration
from lit_pretrain.corruptions.time_alteration import TimeAlteration
from lit_pretrain.nn.timelines import drawn
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Losses, SpeechBatch, Term, UnitBatch


class TERA(PretrainModule):
    """TERA (arXiv 2007.06028): the network gets frames altered along time, frequency and magnitude, and restores them.

        loss = mean over all frames of |prediction - clean features| / F

    Logged beside it: `copying`, the loss of a prediction that leaves the altered frames as they are. The head, two linear
    maps with GELU and a norm between, is left behind. Base setting: 80 log-mel features with mean 0 and variance 1 of each
    recording, 3 blocks of width 768.

    Args:
        encoder: with a front end, such as `SpeechTransformer` on log-mel frames.
        feature_dim: F of the front end.
        time, frequency, magnitude: the alterations, one after the other; None: not along this one.

    Raises:
        ValueError: nothing is altered.
    """

    def __init__(
        self,
        encoder: Encoder,
        feature_dim: int = 80,
        *,
        time: TimeAlteration | None = TimeAlteration(),
        frequency: FrequencyAlteration | None = FrequencyAlteration(),
        magnitude: MagnitudeAlteration | None = MagnitudeAlteration(),
    ):
        super().__init__()
        self.alterations = [alteration for alteration in (time, frequency, magnitude) if alteration is not None]
        if not self.alterations:
            raise ValueError("time, frequency and magnitude are all null: frames that nothing altered need not be restored")
        self.encoder, self.feature_dim = encoder, feature_dim
        self.head = nn.Sequential(nn.Linear(encoder.dim, encoder.dim), nn.GELU(), nn.LayerNorm(encoder.dim),
                                  nn.Linear(encoder.dim, feature_dim))  # fmt: skip

    def loss(self, batch: SpeechBatch) -> Losses:
        clean, altered, predicted = self.restore(batch)
        target = clean.units.detach().float()
        error, copying = (F.l1_loss(x.float(), target, reduction="sum") / self.feature_dim for x in (predicted, altered))
        return {"tera": Term(error, len(target)), "copying": Term(copying.detach(), len(target), weight=0.0)}

    def restore(self, batch: SpeechBatch) -> tuple[UnitBatch, Tensor, Tensor]:
        """Clean features, and (U, F) altered and predicted ones."""
        clean = self.encoder.features(batch)
        if (found := clean.units.shape[1]) != self.feature_dim:
            raise ValueError(f"feature_dim={self.feature_dim}: the front end's features have a width of {found}; give that")
        altered = clean.units
        for alteration in self.alterations:
            altered = alteration(altered, clean.layout, self.generator)
        return clean, altered, self.head(self.encoder(replace(clean, units=altered)).units)

    @torch.no_grad()
    def pictures(self, batch: SpeechBatch) -> dict[str, Tensor]:
        """Rows of altered, restored and clean features, a column a frame: (B, 3, 1, bands, frames) between 0 and 1."""
        clean, altered, predicted = self.restore(batch)
        stack = self.encoder.embedding.stack
        rows = torch.stack([drawn(x, clean.layout, stack) for x in (altered, predicted, clean.units)], 1)
        low, high = clean.units.float().quantile(clean.units.new_tensor([0.01, 0.99]))  # a click would leave all else grey
        return {"frames: altered, restored, clean": ((rows - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)}
