"""A band of bins set to zero, as TERA does. Legend: B examples, U frames, F bins."""

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import Layout


class FrequencyAlteration(Recorded):
    """One band of each example becomes zero in all of its frames (TERA, arXiv 2007.06028).

    Its width is uniform from none to floor(share F) bins, its place uniform among those where it fits.

    Args:
        share: of the bins, that the widest band takes.
    """

    def __init__(self, share: float = 0.2):
        if not 0 < share <= 1:
            raise ValueError(f"share={share}: the widest band must take a share above 0 and at most 1")
        self.share = share

    def __call__(self, features: Tensor, layout: Layout, generator: torch.Generator) -> Tensor:
        """(U, F) -> (U, F), a copy."""
        return features.masked_fill(self.choose(features.shape[1], layout, generator)[layout.example], 0.0)

    def choose(self, bins: int, layout: Layout, generator: torch.Generator) -> Tensor:
        """(B, F) bool, true in the band of each example."""
        draws = torch.rand(2, layout.num_examples, 1, generator=generator, device=layout.device)
        width = (draws[0] * (int(bins * self.share) + 1)).floor()  # (B, 1)
        begin = (draws[1] * (bins - width + 1)).floor()
        bin_ = torch.arange(bins, device=layout.device)
        return (bin_ >= begin) & (bin_ < begin + width)
