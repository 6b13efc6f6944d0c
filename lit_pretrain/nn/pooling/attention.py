"""A learned query that looks at the units (the pooling of Set Transformer, arXiv 1810.00825, and of CoCa).

Legend: U units, B examples, D width, H heads, E = D / H.
"""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.types import Layout


class AttentionPooling(Pooling):
    """out(sum over an example's units of softmax(q k / sqrt(E)) v), with one learned query q a head.

    Args:
        dim: D.
        num_heads: H.
    """

    def __init__(self, dim: int, num_heads: int = 8):
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"dim={dim} is not a multiple of num_heads={num_heads}")
        self.num_heads = num_heads
        self.query = nn.Parameter(torch.empty(num_heads, dim // num_heads).normal_())
        self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(3))

    def forward(self, units: Tensor, layout: Layout) -> Tensor:
        key, value = (f(units).unflatten(-1, self.query.shape) for f in (self.key, self.value))  # (U, H, E)
        scores = (key.float() * self.query.float()).sum(-1) / self.query.shape[1] ** 0.5  # (U, H); softmax in fp32
        highest = scores.new_full((layout.num_examples, self.num_heads), -torch.inf)
        highest = highest.index_reduce(0, layout.example, scores.detach(), "amax")
        weights = (scores - highest[layout.example]).exp()
        sums = torch.zeros_like(highest).index_add(0, layout.example, weights)
        shares = weights / sums[layout.example]
        pooled = value.new_zeros(layout.num_examples, *self.query.shape, dtype=torch.float32)
        pooled = pooled.index_add(0, layout.example, shares[..., None] * value.float())  # (B, H, E)
        return self.out(pooled.flatten(1).to(units.dtype))
