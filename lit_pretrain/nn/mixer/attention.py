"""Multi-head attention (arXiv 1706.03762): bidirectional, causal, prefix and cross.

Legend: U units, S source units, D width, H heads, E = D / H.
"""

import torch
from torch import Tensor, nn

from lit_pretrain.kernels.attention import Backend, Bias, attention
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.base import Mixer
from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.types import Layout


class Attention(Mixer):
    """Every unit sees every unit of its example.

    Args:
        dim: D.
        num_heads: H.
        bias: of the four projections.
        head_dim: E; default D / H.
        dropout: of the attention weights.
        scale: factor on the scores; default 1 / sqrt(E); T5 has 1.
        qkv_norm: applied to queries, keys and values of each head (HybridNorm, arXiv 2503.04598); None: none.
        backend: see `kernels.attention`.
    """

    causal = False

    def __init__(
        self,
        dim: int,
        num_heads: int,
        *,
        bias: bool = True,
        head_dim: int | None = None,
        dropout: float = 0.0,
        scale: float | None = None,
        qkv_norm: Norm | None = None,
        backend: Backend = "auto",
    ):
        super().__init__()
        if head_dim is None and dim % num_heads:
            raise ValueError(f"dim={dim} is not a multiple of num_heads={num_heads}")
        self.num_heads, self.head_dim = num_heads, head_dim or dim // num_heads
        inner = self.num_heads * self.head_dim
        self.query, self.key, self.value = (nn.Linear(dim, inner, bias=bias) for _ in range(3))
        self.out = nn.Linear(inner, dim, bias=bias)
        self.dropout, self.scale, self.backend = dropout, scale, backend
        self.qkv_norm = nn.ModuleList(qkv_norm.copy() for _ in range(3)) if qkv_norm is not None else None

    def forward(self, x: Tensor, context: Context) -> Tensor:
        q, k, v = (self._project(i, x) for i in range(3))
        layout = keys = context.layout
        q, k = (context.position.rotate(y, layout) for y in (q, k))
        if context.cache is not None:
            k, v, keys = context.cache.extend(self, k, v, layout)
        return self._attend(q, k, v, layout, keys, self._bias(context, keys))

    def _project(self, i: int, x: Tensor) -> Tensor:
        """(U, D) -> (U, H, E): queries (i = 0), keys (1) or values (2)."""
        y = self._heads((self.query, self.key, self.value)[i](x))
        return y if self.qkv_norm is None else self.qkv_norm[i](y)

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, self.head_dim))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, layout: Layout, keys: Layout, bias: Bias | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        y = attention(q, k, v, layout, keys, causal=self.causal, bias=bias, scale=self.scale, dropout=dropout,
                      backend=self.backend)  # fmt: skip
        return self.out(y.flatten(1))  # (U, H, E) -> (U, D)

    def _bias(self, context: Context, keys: Layout) -> Bias | None:
        """Position biases by example; computed once a pass for positions 0, 1, 2, ... and cut to each example."""
        layout, position = context.layout, context.position
        if layout.contiguous and keys.contiguous:
            if ("table", self.causal) not in context.biases:
                every = torch.arange(keys.max_length, device=keys.device)
                context.biases["table", self.causal] = position.bias(every, every, self.causal)
            table = self._checked(context.biases["table", self.causal])
            return None if table is None else lambda b: table[:, : layout.lengths[b], : keys.lengths[b]]
        if self._checked(position.bias(layout.position[:1], keys.position[:1], self.causal)) is None:
            return None
        queries_of, keys_of = layout.position.split(layout.lengths), keys.position.split(keys.lengths)
        return lambda b: position.bias(queries_of[b], keys_of[b], self.causal)

    def _checked(self, bias: Tensor | None) -> Tensor | None:
        if bias is not None and len(bias) != self.num_heads:
            raise ValueError(f"position biases of num_heads={len(bias)} reached attention with {self.num_heads} heads")
        return bias


class CausalAttention(Attention):
    """A unit sees itself and the units before it."""

    causal = True


class PrefixAttention(CausalAttention):
    """Causal, but the first `layout.prefix` units of an example are seen by all of it (arXiv 1910.10683)."""

    def forward(self, x: Tensor, context: Context) -> Tensor:
        if context.layout.prefix is None:
            raise ValueError("PrefixAttention needs a layout with `prefix` lengths, which the objective sets")
        return super().forward(x, context)


class CrossAttention(Attention):
    """Queries from the units, keys and values from `context.source`. Positions play no part, as in T5 and BART."""

    def forward(self, x: Tensor, context: Context) -> Tensor:
        if context.source is None or context.source_layout is None:
            raise ValueError("CrossAttention needs a source, which an encoder-decoder passes")
        source = context.source

        def make() -> tuple[Tensor, Tensor]:
            return self._project(1, source), self._project(2, source)

        k, v = make() if context.cache is None else context.cache.source(self, make)
        return self._attend(self._project(0, x), k, v, context.layout, context.source_layout, None)
