"""Learned positions on a grid (ViT, arXiv 2010.11929). Legend: U units, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.types import Layout


class Learned2D(Learned):
    """Adds a row of a table to each unit; on another grid the table is interpolated, as in ViT and DINO.

    Args:
        dim: D.
        grid: rows and columns that the table is made for.
        leading: units in front of the grid (class token), each with a row of its own.
    """

    def __init__(self, dim: int, grid: tuple[int, int], leading: int = 1):
        super().__init__(dim, leading + grid[0] * grid[1])
        self.grid, self.leading = tuple(grid), leading

    def embed(self, x: Tensor, layout: Layout) -> Tensor:
        if layout.grid in (None, self.grid):
            return super().embed(x, layout)
        front, table = self.table.weight.split([self.leading, len(self.table.weight) - self.leading])
        table = table.T.unflatten(1, self.grid)[None].float()  # (1, D, rows, columns); interpolated in fp32
        table = F.interpolate(table, layout.grid, mode="bicubic", align_corners=False)
        table = torch.cat([front, table[0].flatten(1).T.to(front.dtype)])
        return x + table[layout.position]
