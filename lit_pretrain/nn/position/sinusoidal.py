"""Sinusoidal absolute positions (arXiv 1706.03762). Legend: U units, D width."""

import torch
from torch import Tensor

from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Layout


class Sinusoidal(Position):
    """Adds sin(p / 10000^(2i / D)) to the even and cos of the same to the odd coordinates of the unit at position p.

    Args:
        dim: D, even.
    """

    def __init__(self, dim: int):
        super().__init__()
        if dim % 2:
            raise ValueError(f"dim={dim}: sinusoidal positions come in pairs, so it must be even")
        self.dim = dim

    def embed(self, x: Tensor, layout: Layout) -> Tensor:
        # No buffer holds the frequencies: they would be rounded where a whole model is cast to bf16. Angles in fp32.
        frequency = 10000.0 ** (-torch.arange(0, self.dim, 2, device=x.device) / self.dim)
        angle = layout.position[:, None].float() * frequency  # (U, D / 2)
        wave = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (U, D / 2, 2) -> (U, D)
        return x + wave.to(x.dtype)
