"""Fixed sine and cosine positions on a grid, as MAE has them (arXiv 2111.06377). Legend: U units, D width."""

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
        rows, columns = layout.coordinates
        # In fp32, and held by no buffer, which would be rounded where a whole model is cast to bf16.
        frequency = 10000.0 ** (-torch.arange(0, self.dim, 4, device=x.device) / self.dim)  # (D / 4,)
        wave = [f(place[:, None].float() * frequency) for place in (columns, rows) for f in (torch.sin, torch.cos)]
        on_grid = (layout.position >= layout.leading)[:, None]
        return x + (torch.cat(wave, 1) * on_grid).to(x.dtype)
