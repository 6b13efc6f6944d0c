"""Room between the examples of flat units, so that one convolution serves them all.

Legend: U units, D width.
"""

import torch
from torch import Tensor

from lit_pretrain.types import Layout


def spaced(x: Tensor, layout: Layout, gap: int) -> tuple[Tensor, Tensor]:
    """(U, D) -> (1, D, rows) with `gap` zeros before, between and after the examples, and (U,) the row of each unit."""
    place = torch.arange(layout.num_units, device=x.device) + (layout.example + 1) * gap
    rows = x.new_zeros((layout.num_units + (layout.num_examples + 1) * gap, x.shape[1]))
    return rows.index_copy(0, place, x).T[None], place
