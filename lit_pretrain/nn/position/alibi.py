"""Attention with linear biases (arXiv 2108.12409). Legend: H heads, L positions."""

import math

import torch
from torch import Tensor

from lit_pretrain.nn.position.base import Position


class ALiBi(Position):
    """Adds -slope_h * distance to the scores of head h; symmetric in bidirectional attention, as in MosaicBERT
    (arXiv 2312.17482).

    Args:
        num_heads: H; slopes are 2^(-8 h / H) for powers of two, and the paper's interpolation otherwise.
    """

    def __init__(self, num_heads: int):
        super().__init__()
        if num_heads < 1:
            raise ValueError(f"num_heads={num_heads} must be at least 1")
        self.slopes = slopes(num_heads)  # no buffer: it would be rounded where a whole model is cast to bf16

    def bias(self, queries: Tensor, keys: Tensor, causal: bool) -> Tensor:
        distance = (queries[:, None] - keys[None]).abs().float()  # a causal mask hides the keys ahead
        return -torch.tensor(self.slopes, device=distance.device)[:, None, None] * distance  # (H, Lq, Lk)


def slopes(num_heads: int) -> list[float]:
    """Of each head; those of the next lower power of two, then every other one of the next higher."""
    whole = 2 ** math.floor(math.log2(num_heads))
    found = [2 ** (-8 * (h + 1) / whole) for h in range(whole)]
    return found + [2 ** (-8 * (2 * h + 1) / (2 * whole)) for h in range(num_heads - whole)]
