"""A table of token embeddings."""

from torch import Tensor, nn

from lit_pretrain.nn.embedding.base import Embedding
from lit_pretrain.types import Layout, TextBatch, UnitBatch


class TokenEmbedding(Embedding):
    """table[token] * scale.

    Objectives that put further units beside the tokens take `features`, the embedded tokens, and give back a `UnitBatch`.

    Args:
        vocab_size: V.
        dim: D, the width of the table.
        scale: factor on the embeddings; sqrt(D) in the original Transformer (arXiv 1706.03762) and in Spike No More
            (arXiv 2312.16903).
        num_types: rows of BERT's segment table; every token gets row 0, as for single sentences; 0: no such table.
    """

    def __init__(self, vocab_size: int, dim: int, scale: float = 1.0, num_types: int = 0):
        super().__init__()
        self.dim, self.scale = dim, scale
        self.table = nn.Embedding(vocab_size, dim)
        self.types = nn.Embedding(num_types, dim) if num_types else None

    def features(self, inputs: TextBatch) -> UnitBatch:
        return UnitBatch(*self.forward(inputs))

    def forward(self, inputs: TextBatch | UnitBatch) -> tuple[Tensor, Layout]:
        if isinstance(inputs, UnitBatch):
            return inputs.units, inputs.layout
        x = self.table(inputs.tokens) * self.scale
        return (x if self.types is None else x + self.types.weight[0]), inputs.layout

    def token_table(self) -> nn.Parameter:
        return self.table.weight
