"""Relative position biases in buckets (T5, arXiv 1910.10683). Legend: H heads, Lq queries, Lk keys."""

import math

import torch
from torch import Tensor, nn

from lit_pretrain.nn.position.base import Position


class T5Relative(Position):
    """Adds table[bucket(key - query)] of each head to its scores; one table for all blocks.

    Small distances have a bucket each, larger ones share buckets that grow with the logarithm of the distance, and all
    from `max_distance` on fall into the last. Where attention is causal, all buckets are for the units before;
    otherwise half of them are for the units after.

    Args:
        num_heads: H.
        num_buckets: rows of the table.
        max_distance: where the last bucket begins.
    """

    def __init__(self, num_heads: int, num_buckets: int = 32, max_distance: int = 128):
        super().__init__()
        self.table = nn.Embedding(num_buckets, num_heads)
        self.num_buckets, self.max_distance = num_buckets, max_distance

    def bias(self, queries: Tensor, keys: Tensor, causal: bool) -> Tensor:
        return self.table(self._bucket(keys[None] - queries[:, None], causal)).permute(2, 0, 1)  # (H, Lq, Lk)

    def _bucket(self, offset: Tensor, causal: bool) -> Tensor:
        """(Lq, Lk) key - query -> row of the table."""
        if causal:
            count, first, distance = self.num_buckets, 0, -offset.clamp(max=0)
        else:
            count = self.num_buckets // 2
            first, distance = (offset > 0) * count, offset.abs()
        exact = count // 2  # distances below it have a bucket each
        share = torch.log(distance.clamp(min=1).float() / exact) / math.log(self.max_distance / exact)
        coarse = exact + (share * (count - exact)).long()
        return first + torch.where(distance < exact, distance, coarse.clamp(max=count - 1))
