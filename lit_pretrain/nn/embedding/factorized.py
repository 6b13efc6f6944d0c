"""A narrow token table and a projection (ALBERT, arXiv 1909.11942).

Legend: V vocabulary, T width of the table, D width.
"""

from torch import Tensor, nn

from lit_pretrain.nn.embedding.base import Embedding
from lit_pretrain.types import Layout, TextBatch


class FactorizedEmbedding(Embedding):
    """W table[token], before positions are added, as in OPT-350m.

    Args:
        vocab_size: V.
        table_dim: T.
        dim: D.
    """

    def __init__(self, vocab_size: int, table_dim: int, dim: int):
        super().__init__()
        self.dim = dim
        self.table, self.expand = nn.Embedding(vocab_size, table_dim), nn.Linear(table_dim, dim, bias=False)

    def forward(self, inputs: TextBatch) -> tuple[Tensor, Layout]:
        return self.expand(self.table(inputs.tokens)), inputs.layout

    def token_table(self) -> nn.Parameter:
        return self.table.weight
