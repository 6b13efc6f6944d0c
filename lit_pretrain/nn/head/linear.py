"""A head with weights of its own. Legend: N units, D width, V vocabulary."""

from torch import Tensor, nn

from lit_pretrain.nn.head.base import Head
from lit_pretrain.types import Encoder


class LinearHead(Head):
    """W units + b, for encoders without a token table to tie to.

    Args:
        dim: D.
        vocab_size: V.
        bias: add b.
    """

    def __init__(self, dim: int, vocab_size: int, bias: bool = True):
        super().__init__()
        self.out = nn.Linear(dim, vocab_size, bias=bias)

    def last(self, units: Tensor, encoder: Encoder) -> tuple[Tensor, Tensor, Tensor | None]:
        return units, self.out.weight, self.out.bias
