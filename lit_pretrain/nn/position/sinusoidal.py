"""Sinusoidal absolute positions (arXiv 1706.03762). Legend: U units, D width."""

import math

import torch
from torch import Tensor

from lit_pretrain.nn.position.base import Position


class Sinusoidal(Position):
    """Adds sin(p / 10000^(2i / D)) to the even and cos of the same to the odd coordinates of the unit at position p.

    Args:
        dim: D, even.
    """

    def __init__(self, dim: int):
        super().__init__()
        if dim % 2:
            raise ValueError(f"dim={dim}: sinusoidal positions come in pairs, so it must be even")
        frequency = torch.exp(torch.arange(0, dim, 2) * (-math.log(10000.0) / dim))
        self.register_buffer("frequency", frequency, persistent=False)

    def embed(self, x: Tensor, position: Tensor) -> Tensor:
        angle = position[:, None].float() * self.frequency  # (U, D / 2), angles in fp32
        wave = torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)  # (U, D / 2, 2) -> (U, D)
        return x + wave.to(x.dtype)
