"""Learned absolute positions (arXiv 1705.03122), as BERT and GPT-2 have them."""

from torch import Tensor, nn

from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Layout


class Learned(Position):
    """Adds row p of a table to the unit at position p.

    Args:
        dim: D.
        max_length: rows of the table.
        offset: the row of position 0 (RoBERTa and OPT: 2, their padding index plus 1).
    """

    def __init__(self, dim: int, max_length: int = 512, offset: int = 0):
        super().__init__()
        self.table = nn.Embedding(max_length + offset, dim)
        self.max_length, self.offset = max_length, offset

    def embed(self, x: Tensor, layout: Layout) -> Tensor:
        return x + self.table(layout.position + self.offset)
