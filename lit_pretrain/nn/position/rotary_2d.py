"""Rotary positions on a grid (axial form of arXiv 2403.13298). Legend: U units, H heads, E width of a head."""

import torch
from torch import Tensor

from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.position.rotary import turn
from lit_pretrain.types import Layout


class Rotary2D(Position):
    """Turns the first half of each query and key by the unit's row, the other half by its column; leading units stay.

    Scores then depend on the distances of rows and columns alone, on a grid of any size.

    Args:
        head_dim: E, a multiple of 4.
        base: the longest wavelength is 2 pi base; 100 in the paper, because grids are shorter than texts.
    """

    def __init__(self, head_dim: int, base: float = 100.0):
        super().__init__()
        if head_dim % 4:
            raise ValueError(f"head_dim={head_dim}: rotary positions of rows and columns need a multiple of 4")
        self.head_dim, self.base = head_dim, base

    def rotate(self, x: Tensor, layout: Layout) -> Tensor:
        if x.shape[-1] != self.head_dim:
            raise ValueError(f"heads of width {x.shape[-1]} reached rotary positions made for {self.head_dim}")
        halves = [turn(half, place, self.base) for half, place in zip(x.chunk(2, -1), layout.coordinates, strict=True)]
        return torch.where((layout.position >= layout.leading)[:, None, None], torch.cat(halves, -1), x)
