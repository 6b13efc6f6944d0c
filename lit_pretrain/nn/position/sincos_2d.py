"""Fixed sine and cosine positions on a grid, as MAE has them (arXiv 2111.06377). Legend: U units, D width."""

from functools import lru_cache

import torch
from torch import Tensor

from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Layout


class SinCos2D(Position):
    """Adds [sin(c w), cos(c w), sin(r w), cos(r w)] to the unit in column c and row r, with D / 4 wavelengths
    w = 10000^(-4i / D); nothing to leading units.

    Args:
        dim: D, a multiple of 4.
    """

    def __init__(self, dim: int):
        super().__init__()
        if dim % 4:
            raise ValueError(f"dim={dim}: sines and cosines of rows and columns need a multiple of 4")
        self.dim = dim

    def embed(self, x: Tensor, layout: Layout) -> Tensor:
        if layout.grid is None:
            raise ValueError("sines and cosines of rows and columns need units on a grid, such as the patches of images")
        return x + _table(self.dim, layout.grid, layout.leading, x.device).to(x.dtype)[layout.position]


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _table(dim: int, grid: tuple[int, int], leading: int, device: torch.device) -> Tensor:
    """(leading + rows * columns, D) in fp32, and no buffer, which would be rounded where a whole model is cast to bf16."""
    rows, columns = (torch.arange(size, device=device)[:, None].float() for size in grid)
    frequency = 10000.0 ** (-torch.arange(0, dim, 4, device=device) / dim)  # (D / 4,)
    row, column = (torch.cat([(p * frequency).sin(), (p * frequency).cos()], 1) for p in (rows, columns))  # (_, D / 2)
    row, column = row[:, None].expand(-1, len(column), -1), column.expand(len(row), -1, -1)
    table = torch.cat([column, row], -1).flatten(0, 1)
    return torch.cat([table.new_zeros(leading, dim), table])
