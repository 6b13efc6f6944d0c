"""A fixed share of each example's units, drawn at random. Legend: B examples, U units, N units of the longest example."""

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import Layout


class RandomUnits(Recorded):
    """Hides the same share of every example, as MAE and SparK do; leading units are never hidden.

    Args:
        ratio: the share that is hidden; 0.75 in MAE (arXiv 2111.06377).
    """

    def __init__(self, ratio: float = 0.75):
        if not 0 < ratio < 1:
            raise ValueError(f"ratio={ratio}: the hidden share must lie between 0 and 1")
        self.ratio = ratio

    def __call__(self, layout: Layout, generator: torch.Generator) -> Tensor:
        """(U,) bool, true where hidden: all but floor(n (1 - ratio)) of an example's n units, but at least one stays."""
        noise = torch.rand(layout.num_units, generator=generator, device=layout.device)
        noise = noise.masked_fill(layout.position < layout.leading, -1.0)  # first in the order, so they stay
        # In one sort for all examples. In float64, for the noise must not be rounded away beside the example's number.
        order = (2.0 * layout.example.double() + noise).argsort(stable=True)
        rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
        first = layout.offsets[:-1].long()[layout.example]
        units = layout.offsets.diff().long()[layout.example] - layout.leading
        stay = (units * (1 - self.ratio)).floor().clamp(min=1)
        return rank - first - layout.leading >= stay
