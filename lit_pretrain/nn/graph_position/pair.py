"""The slot of encodings of pairs of nodes. Legend: N nodes, P pairs, D numbers of each."""

from abc import abstractmethod

import torch
from torch import Tensor

from lit_pretrain.nn.graph_position.base import GraphPosition
from lit_pretrain.nn.graph_position.dense import once
from lit_pretrain.types import Edges, GraphBatch


class PairPosition(GraphPosition):
    """Graphs -> (N, D) of nodes by themselves, and by `pairs` (P, D) of pairs of them."""

    @abstractmethod
    def pairs(self, inputs: GraphBatch, pairs: Edges) -> Tensor: ...


def all_pairs(inputs: GraphBatch) -> Edges:
    """Every node of a graph with every node of it, itself too."""
    return once(inputs.edges, "all pairs", lambda: _all_pairs(inputs))


def _all_pairs(inputs: GraphBatch) -> Edges:
    graphs = inputs.graphs
    first, size = graphs.offsets.long(), sum(n * n for n in graphs.lengths)
    lengths = first.diff()[graphs.example]  # (N,) nodes of each node's graph
    offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    target = torch.repeat_interleave(torch.arange(inputs.num_nodes, device=lengths.device), lengths, output_size=size)
    place = torch.arange(size, device=lengths.device) - offsets[target]
    return Edges(offsets, first[graphs.example[target]] + place)


def edges_and_selves(edges: Edges) -> Edges:
    """The edges, of which none leads from a node to itself, and one from each node to itself."""

    def make() -> Edges:
        nodes = torch.arange(edges.num_nodes, device=edges.offsets.device)
        return Edges.of(torch.cat([edges.index, nodes.expand(2, -1)], 1), edges.num_nodes)[0]

    return once(edges, "edges and selves", make)
