"""Mixed attention (ConvBERT, arXiv 2008.02496).

Legend: U units, D width, H heads of each kind, E = D / 2H, A = H * E, K width of the kernel, B examples.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.kernels.attention import attention
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.types import Layout


class SpanConvolution(Attention):
    """Half of the heads attend; the other half convolve with a kernel made from the span around each unit.

        span key    k'_i = pointwise(depthwise(x)_i) + b                (U, A)
        kernel      w_i  = softmax over K of W (q_i * k'_i)             (U, H, K)
        head        y_i  = sum over j of w_ij v'_(i + j - (K - 1) / 2)  (U, H, E)

    and out([attention; y]) is returned. Windows end at the ends of an example, where zeros stand in for the units
    beyond. (transformers' model looks into the padding there, so that its result depends on how far a batch is padded;
    this one gives each example what it gets alone.)

    Args:
        dim: D.
        num_heads: of an attention with heads of the usual width, before they are split between the two kinds.
        head_ratio: H = num_heads / head_ratio.
        kernel_size: K, odd.
        dropout: of the attention weights.
    """

    def __init__(self, dim: int, num_heads: int, *, head_ratio: int = 2, kernel_size: int = 9, dropout: float = 0.0):
        heads = max(1, num_heads // head_ratio)
        if dim % (2 * heads):
            raise ValueError(f"dim={dim} is not a multiple of 2 * {heads} heads (num_heads={num_heads} /"
                             f" head_ratio={head_ratio}, of two kinds)")  # fmt: skip
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size} must be odd, so that a unit stands in the middle of its span")
        super().__init__(dim, heads, head_dim=dim // (2 * heads), dropout=dropout)
        inner = dim // 2
        self.out = nn.Linear(dim, dim)  # of both kinds of heads
        self.depthwise = nn.Conv1d(dim, dim, kernel_size, groups=dim, padding=kernel_size // 2, bias=False)
        self.pointwise = nn.Conv1d(dim, inner, 1, bias=False)
        self.span_bias = nn.Parameter(torch.zeros(inner))
        self.kernel, self.span_value = nn.Linear(inner, heads * kernel_size), nn.Linear(dim, inner)
        self.kernel_size = kernel_size

    def forward(self, x: Tensor, context: Context) -> Tensor:
        layout = context.layout
        if not layout.contiguous or context.cache is not None:
            raise ValueError("SpanConvolution needs each unit's neighbours: it serves no objective that leaves units"
                             " out (keep) and no generation unit by unit")  # fmt: skip
        query = self.query(x)  # (U, A)
        convolved = self._convolve(x, query, layout)
        q, k, v = (self._heads(y) for y in (query, self.key(x), self.value(x)))  # (U, H, E)
        q, k = (context.position.rotate(y, layout) for y in (q, k))
        dropout = self.dropout if self.training else 0.0
        attended = attention(q, k, v, layout, layout, bias=self._bias(context, layout), dropout=dropout,
                             backend=self.backend)  # fmt: skip
        return self.out(torch.cat([attended, convolved], 1).flatten(1))  # (U, 2H, E) -> (U, D)

    def _convolve(self, x: Tensor, query: Tensor, layout: Layout) -> Tensor:
        gap = self.kernel_size // 2
        rows = layout.num_units + (layout.num_examples + 1) * gap
        place = torch.arange(layout.num_units, device=x.device) + (layout.example + 1) * gap  # (U,)
        spaced = x.new_zeros((rows, x.shape[1])).index_copy(0, place, x)  # zeros between the examples
        key = self.pointwise(self.depthwise(spaced.T[None]))[0].T[place] + self.span_bias  # (U, A)
        kernel = self.kernel(query * key).unflatten(-1, (self.num_heads, self.kernel_size))  # (U, H, K)
        kernel = kernel.softmax(-1, dtype=torch.float32).to(x.dtype)  # softmax in fp32
        value = self.span_value(x)
        value = value.new_zeros((rows, value.shape[1])).index_copy(0, place, value)
        window = place[:, None] + torch.arange(-gap, gap + 1, device=x.device)  # (U, K)
        return torch.einsum("uhk,ukhe->uhe", kernel, self._heads(F.embedding(window, value)))
