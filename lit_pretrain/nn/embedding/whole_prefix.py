"""Tokens all of which may see each other, unless a batch says otherwise."""

from dataclasses import replace

from torch import Tensor

from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.types import Layout, TextBatch, UnitBatch


class WholePrefix(TokenEmbedding):
    """`TokenEmbedding`, and where a batch sets no prefix, the whole of each example is its prefix."""

    def forward(self, inputs: TextBatch | UnitBatch) -> tuple[Tensor, Layout]:
        x, layout = super().forward(inputs)
        return x, layout if layout.prefix is not None else replace(layout, prefix=layout.lengths)
