"""Attention with positions of its own in each block (BEiT, arXiv 2106.08254).

Legend: B examples, U units, D width, H heads, L units of an example, E = D / H.
"""

from dataclasses import replace

import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.kernels.attention import Bias
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Layout


class OwnPositionAttention(Attention):
    """Every unit sees every unit of its example, and each block learns for itself what their positions mean.

    Keys have no bias: it would add the same to all scores of a query, which the softmax takes away again.

    Args:
        dim: D.
        num_heads: H.
        position: prototype, such as `Relative2D`; each block gets a copy. None: the positions of the stack.
        dropout: of the attention weights.
    """

    def __init__(self, dim: int, num_heads: int, *, position: Position | None = None, dropout: float = 0.0):
        super().__init__(dim, num_heads, dropout=dropout)
        self.key = nn.Linear(dim, self.num_heads * self.head_dim, bias=False)
        self.position = position

    def forward(self, x: Tensor, context: Context) -> Tensor:
        if self.position is None:
            return super().forward(x, context)
        x = self.position.embed(x, context.layout)
        return super().forward(x, replace(context, position=self.position, biases={}))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, layout: Layout, keys: Layout, bias: Bias | None) -> Tensor:
        if bias is None or len(set(keys.lengths)) > 1 or not (layout.contiguous and layout.lengths == keys.lengths):
            return super()._attend(q, k, v, layout, keys, bias)
        # Whole images of one size have the same biases, so all of them are computed at once.
        q, k, v = (x.unflatten(0, (layout.num_examples, -1)).transpose(1, 2) for x in (q, k, v))  # (B, H, L, E)
        y = F.scaled_dot_product_attention(q, k, v, bias(0).to(q.dtype), self.dropout if self.training else 0.0)
        return self.out(y.transpose(1, 2).flatten(2).flatten(0, 1))  # (U, D)
