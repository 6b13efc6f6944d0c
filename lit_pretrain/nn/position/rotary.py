"""Rotary positions (arXiv 2104.09864). Legend: U units, H heads, E width of a head."""

import torch
from torch import Tensor

from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Layout


class Rotary(Position):
    """Turns each pair of a query's or key's coordinates by position * base^(-2i / E), so that scores depend on distances.

    Coordinate i is paired with i + E / 2, as in Llama.

    Args:
        head_dim: E, even.
        base: the longest wavelength is 2 pi base; 10000 in the paper.
    """

    def __init__(self, head_dim: int, base: float = 10000.0):
        super().__init__()
        if head_dim % 2:
            raise ValueError(f"head_dim={head_dim}: rotary positions turn pairs, so it must be even")
        self.head_dim, self.base = head_dim, base

    def rotate(self, x: Tensor, layout: Layout) -> Tensor:
        if x.shape[-1] != self.head_dim:
            raise ValueError(f"heads of width {x.shape[-1]} reached rotary positions made for {self.head_dim}")
        return turn(x, layout.position, self.base)


def turn(x: Tensor, position: Tensor, base: float) -> Tensor:
    """(U, H, E) turned by position (U,) * base^(-2i / E)."""
    width = x.shape[-1]
    # No buffer holds the frequencies: they would be rounded where a whole model is cast to bf16. Angles in fp32.
    frequency = base ** (-torch.arange(0, width, 2, device=x.device) / width)
    angle = (position[:, None].float() * frequency)[:, None]  # (U, 1, E / 2)
    cos, sin = angle.cos(), angle.sin()
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x.dtype)
