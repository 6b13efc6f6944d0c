"""Transformers of graphs, from the slots. Legend: B graphs (or nodes that are examples), N nodes, P pairs, D width."""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.base import Depth
from lit_pretrain.nn.graph.context import GraphContext, visible
from lit_pretrain.nn.graph.grit import GRIT
from lit_pretrain.nn.graph.pairs import Pairs
from lit_pretrain.nn.nodes.base import Nodes
from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.types import Encoded, Encoder, GraphBatch, Layout


class GraphTransformer(Encoder):
    """nodes (and pairs of nodes) -> blocks -> final norm -> pooling.

    Where a node stands is told by `nodes` (see `Positioned`), by pairs, or by messages in the blocks.

    Args:
        nodes: makes vectors of the features of nodes.
        block: prototype of the blocks: `GPS`, `GRIT`, or a plain `Block` with `MessagePassing` or `Attention` as its mixer.
        depth: how many blocks there are and which are passed.
        dim: D; another width than that of `nodes` adds a projection.
        pairs: makes vectors of pairs of nodes, which `GRIT` needs and the others do not know.
        final_norm: after the last block, which layouts with norms in front need.
        pooling: one vector a graph; nodes that are examples have their own.
        dropout: of the vectors of nodes.
        maskable: learn a vector for masked nodes, which takes the place of what `nodes` makes of them.

    Raises:
        ValueError: pairs for blocks that do not know them, or of another width, or none for blocks that need them.
    """

    def __init__(
        self,
        nodes: Nodes,
        block: Block,
        depth: Depth,
        *,
        dim: int | None = None,
        pairs: Pairs | None = None,
        final_norm: Norm | None = None,
        pooling: Pooling = Mean(),
        dropout: float = 0.0,
        maskable: bool = False,
    ):
        super().__init__()
        if isinstance(block, GRIT) and pairs is None:
            raise ValueError("GRIT needs vectors of pairs: give the encoder `pairs`")
        if pairs is not None and not isinstance(block, GRIT):
            raise ValueError(f"{type(block).__name__} does not know vectors of pairs: take `pairs` away, or use GRIT")
        self.dim, self.num_layers = dim or nodes.dim, depth.num_layers
        if pairs is not None and pairs.dim != self.dim:
            raise ValueError(f"pairs.dim={pairs.dim} must be the width of the blocks, dim={self.dim}")
        self.nodes, self.pairs, self.final_norm, self.pooling = nodes, pairs, final_norm, pooling
        self.depth, self.blocks = depth, depth.build(block)
        self.projection = nn.Linear(nodes.dim, self.dim) if self.dim != nodes.dim else None
        self.dropout = nn.Dropout(dropout)
        self.mask_vector = nn.Parameter(torch.empty(nodes.dim).normal_(0.0, 0.02)) if maskable else None

    def forward(
        self, inputs: GraphBatch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        if mask is not None and self.mask_vector is None:
            raise ValueError("this encoder has no vector for masked nodes: build it with maskable=true")
        inputs, mask = visible(inputs, keep, mask)
        x = self.nodes(inputs)
        if mask is not None:
            x = torch.where(mask[:, None], self.mask_vector.to(x.dtype), x)
        x = self.dropout(x)
        x, pairs = x if self.projection is None else self.projection(x), None
        if self.pairs is not None:
            pairs, of_pairs = self.pairs(inputs)
            x = torch.cat([x, of_pairs.to(x.dtype)])  # (N + P, D): blocks hand on one tensor
        context, count = GraphContext.of(inputs, pairs), inputs.num_nodes
        named = {"embedding": inputs.of_units(x[:count])}
        for i, passed in enumerate(self.depth.run(self.blocks, x, context)):
            x = passed
            if layers:
                named[f"block{i:02d}"] = inputs.of_units(x[:count])
        if pairs is not None:
            # No one looks at what the last block makes of pairs, and data parallelism waits for gradients of all weights.
            x = x[:count] + 0.0 * x[count : count + 1].sum()
        x = x if self.final_norm is None else self.final_norm(x)
        units = inputs.of_units(x)
        pooled = units if inputs.seeds is not None else self.pooling(units, inputs.layout)
        return Encoded(pooled, units, inputs.layout, named if layers else {})

    def layout(self, inputs: GraphBatch) -> Layout:
        return inputs.layout
