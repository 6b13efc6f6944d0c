"""Nodes and graphs seen by their structure alone. Legend: B examples, U units, D width."""

import torch
from torch import Tensor, nn

from lit_pretrain.corruptions.graph.restart_walks import RestartWalks
from lit_pretrain.types import EgoBatch, Encoded, Encoder, GraphBatch, Layout


class EgoNets(Encoder):
    """A node's vector is that of its ego net, a graph's vector that of the graph (GCC, arXiv 2006.09963).

    What is known of nodes and edges is left out, so that one encoder serves all graphs. Where nodes are the examples, walks
    draw an ego net around each, from a generator that begins anew with each batch: the same batch has the same vectors.
    Graphs are encoded whole, with their nodes of most edges as roots; ego nets that are drawn already, as they are.

    Args:
        encoder: of graphs, whose `nodes` are `EgoFeatures`.
        walks: that draw ego nets.
        seed: of the generator.
    """

    def __init__(self, encoder: Encoder, walks: RestartWalks = RestartWalks(), seed: int = 0):
        super().__init__()
        self.encoder, self.walks, self.seed = encoder, walks, seed
        self.dim, self.num_layers = encoder.dim, encoder.num_layers

    @property
    def blocks(self) -> nn.ModuleList:
        return self.encoder.blocks

    def forward(
        self, inputs: GraphBatch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        if inputs.seeds is None:
            return self.encoder(anonymous(inputs), keep=keep, mask=mask, layers=layers)
        if mask is not None:
            raise ValueError("a node that is seen by its ego net alone cannot be masked: use an encoder of the whole graph")
        if keep is not None:
            inputs = inputs.at(inputs.seeds[keep])
        generator = torch.Generator(inputs.features.device).manual_seed(self.seed)
        nets = self.encoder(self.walks(inputs, inputs.seeds, generator), layers=layers)
        return Encoded(nets.pooled, nets.pooled, inputs.layout, {name: nets.pool(name) for name in nets.layers})

    def layout(self, inputs: GraphBatch) -> Layout:
        return inputs.layout if inputs.seeds is not None else self.encoder.layout(anonymous(inputs))


def anonymous(graphs: GraphBatch) -> EgoBatch:
    """Whole graphs, with the nodes of most edges as roots, as in the paper's code (which takes the first of them)."""
    if isinstance(graphs, EgoBatch):
        return graphs
    degrees, example = graphs.edges.degrees, graphs.graphs.example
    most = degrees.new_zeros(len(graphs.lengths)).scatter_reduce(0, example, degrees, "amax")
    return EgoBatch.of(graphs, degrees == most[example])
