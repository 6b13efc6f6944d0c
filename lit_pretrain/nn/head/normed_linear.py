"""A linear head on units that no norm has passed. Legend: N units, D width, V vocabulary."""

from torch import Tensor, nn

from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.types import Encoder


class NormedLinearHead(Head):
    """W norm(units) + b, as in the pretraining models of BEiT (arXiv 2106.08254).

    Args:
        dim: D.
        vocab_size: V.
        eps: of the norm.
    """

    def __init__(self, dim: int, vocab_size: int, eps: float = 1e-12):
        super().__init__()
        self.norm, self.out = LayerNorm(dim, eps), nn.Linear(dim, vocab_size)
        nn.init.trunc_normal_(self.out.weight, std=0.02)  # BEiT's
        nn.init.zeros_(self.out.bias)

    def last(self, units: Tensor, encoder: Encoder) -> tuple[Tensor, Tensor, Tensor | None]:
        return self.norm(units), self.out.weight, self.out.bias
