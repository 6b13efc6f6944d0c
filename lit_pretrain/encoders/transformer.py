"""The Transformer of slots. Encoder-only, decoder-only, and either half of an encoder-decoder are made from it.

Legend: B examples, U units of all examples end to end, D width, V vocabulary.
"""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.block import Block
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.depth.base import Depth
from lit_pretrain.nn.embedding.base import Embedding
from lit_pretrain.nn.init.base import Init
from lit_pretrain.nn.init.normal import Normal
from lit_pretrain.nn.mixer.cache import KeyValueCache
from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Batch, Encoded, Encoder, Layout, UnitBatch


class Transformer(Encoder):
    """embedding -> (+ position, norm, dropout, projection) -> blocks -> final norm -> pooling.

    Args:
        embedding: batch -> units.
        block: prototype of the blocks.
        depth: how many blocks there are and which are passed.
        position: where units stand; default: nowhere.
        dim: D, the width of the blocks; another width than the embedding's adds a projection (ELECTRA).
        embedding_norm: after positions are added (BERT).
        final_norm: after the last block, which pre-norm layouts need.
        pooling: one vector an example.
        dropout: of the embedded units.
        init: all weights.
        maskable: learn a vector that replaces the units of `mask`; objectives that mask units need it.
    """

    def __init__(
        self,
        embedding: Embedding,
        block: Block,
        depth: Depth,
        position: Position | None = None,
        *,
        dim: int | None = None,
        embedding_norm: Norm | None = None,
        final_norm: Norm | None = None,
        pooling: Pooling = Mean(),
        dropout: float = 0.0,
        init: Init = Normal(),
        maskable: bool = False,
    ):
        super().__init__()
        self.dim, self.num_layers = dim or embedding.dim, depth.num_layers
        self.embedding, self.position = embedding, position or Position()
        self.embedding_norm, self.final_norm = embedding_norm, final_norm
        self.projection = nn.Linear(embedding.dim, self.dim) if self.dim != embedding.dim else None
        self.depth, self.blocks = depth, depth.build(block)
        self.pooling, self.dropout = pooling, nn.Dropout(dropout)
        # Not zero: a norm would blow up its gradients and, by clipping, stop all others.
        self.mask_vector = nn.Parameter(torch.empty(embedding.dim).normal_(0.0, 0.02)) if maskable else None
        init.apply_to(self)

    def forward(
        self,
        inputs: Batch,
        *,
        keep: Tensor | None = None,
        mask: Tensor | None = None,
        layers: bool = False,
        source: Encoded | None = None,
        cache: KeyValueCache | None = None,
    ) -> Encoded:
        """
        Args:
            inputs, keep, mask, layers: see `Encoder`.
            source: what cross attention looks at.
            cache: holds the units before these; `inputs` are then the next units of the same examples.
        """
        x, layout = self.embedding(inputs)
        if mask is not None:
            x = torch.where(mask[:, None], self._mask_vector().to(x.dtype), x)
        if cache is not None:
            layout = cache.positions(layout)
        x = self.position.embed(x, layout)
        if keep is not None:
            index = keep.nonzero()[:, 0]  # found once: each search waits for the device
            x, layout = x[index], layout.keep(keep, index)
        x = x if self.embedding_norm is None else self.embedding_norm(x)
        x = self.dropout(x)
        x = x if self.projection is None else self.projection(x)

        context = Context(layout, self.position, source and source.units, source and source.layout, cache)
        named = {"embedding": x}
        for i, passed in enumerate(self.depth.run(self.blocks, x, context)):
            named[f"block{i:02d}"] = x = passed
        x = x if self.final_norm is None else self.final_norm(x)
        return Encoded(self.pooling(x, layout), x, layout, named if layers else {})

    def layout(self, inputs: Batch) -> Layout:
        return self.embedding.layout(inputs)

    def features(self, inputs: Batch) -> UnitBatch:
        found = self.embedding.features(inputs)
        return super().features(inputs) if found is None else found

    def token_table(self) -> Tensor:
        table = self.embedding.token_table()
        return super().token_table() if table is None else table

    def _mask_vector(self) -> Tensor:
        if self.mask_vector is None:
            raise ValueError("this objective masks units: build the encoder with maskable=true")
        return self.mask_vector
