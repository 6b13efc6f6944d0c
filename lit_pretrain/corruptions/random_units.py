"""A fixed share of each example's units, drawn at random. Legend: B examples, U units, N units of the longest example."""

import torch
from torch import Tensor

from lit_pretrain.corruptions.random_order import places
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
        place = places(layout.position < layout.leading, layout, generator) - layout.leading
        units = layout.offsets.diff().long()[layout.example] - layout.leading
        return place >= (units * (1 - self.ratio)).floor().clamp(min=1)
