"""Graphs as sequences. Legend: B graphs (or nodes that are examples), N nodes, T tokens, D width."""

from collections.abc import Sequence

from torch import Tensor, nn

from lit_pretrain.nn.block import Block
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.graph.context import visible
from lit_pretrain.nn.graph_tokenizer.base import GraphTokenizer
from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Encoded, Encoder, GraphBatch, Layout


class GraphSequenceModel(Encoder):
    """Graph sequence model (arXiv 2411.15671): local encoding -> tokens in sequences -> global encoding -> pooling.

    GSM++ has `AffinityClusters` as its tokens, a gated network of messages as its local encoder, and two recurrent blocks
    and one of attention as its global one. Layers are named through both: "block00" is the first of the local encoder.
    (The paper encodes after it has laid out tokens; here the same local vectors go into all tokens of a node. Its positions
    by paths in the tree and its choice among several tokenisers are left out.)

    Args:
        local: any encoder of graphs, such as `PyGEncoder`; its vectors of nodes are laid out. Masks are its affair.
        tokenizer: what tokens there are.
        blocks: prototypes of the global blocks, passed in order: recurrent ones, attention, or both.
        repeats: how often the whole order is passed, each time with weights of its own.
        dim: D; another width than that of `local` adds a projection.
        position: where tokens stand in their sequence; a recurrence needs none.
        final_norm: after the last block, which layouts with norms in front need.
        pooling: one vector a graph; nodes that are examples have their own.
    """

    def __init__(
        self,
        local: Encoder,
        tokenizer: GraphTokenizer,
        blocks: Sequence[Block],
        *,
        repeats: int = 1,
        dim: int | None = None,
        position: Position | None = None,
        final_norm: Norm | None = None,
        pooling: Pooling = Mean(),
    ):
        super().__init__()
        prototypes = list(blocks) * repeats
        if not prototypes:
            raise ValueError(f"blocks={list(blocks)}, repeats={repeats}: a graph sequence model needs at least one block")
        self.local, self.tokenizer = local, tokenizer
        self.dim, self.num_layers = dim or local.dim, local.num_layers + len(prototypes)
        self.projection = nn.Linear(local.dim, self.dim) if self.dim != local.dim else None
        self.position, self.final_norm, self.pooling = position or Position(), final_norm, pooling
        self.global_blocks = nn.ModuleList(block.at(i, len(prototypes)) for i, block in enumerate(prototypes))

    @property
    def blocks(self) -> nn.ModuleList:
        return nn.ModuleList([*self.local.blocks, *self.global_blocks])

    def forward(
        self, inputs: GraphBatch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        inputs, mask = visible(inputs, keep, mask)
        local = self.local(inputs.whole(), mask=mask, layers=layers)
        named = {name: inputs.of_units(layer) for name, layer in local.layers.items()}
        x = local.units if self.projection is None else self.projection(local.units)
        tokens = self.tokenizer(x, inputs)
        x, read = self.position.embed(tokens.vectors, tokens.layout), inputs.of_units(tokens.nodes)
        context = Context(tokens.layout, self.position)
        for i, block in enumerate(self.global_blocks, self.local.num_layers):
            x = block(x, context)
            if layers:
                named[f"block{i:02d}"] = x[read]
        units = x[read] if self.final_norm is None else self.final_norm(x[read])
        pooled = units if inputs.seeds is not None else self.pooling(units, inputs.layout)
        return Encoded(pooled, units, inputs.layout, named)

    def layout(self, inputs: GraphBatch) -> Layout:
        return inputs.layout
