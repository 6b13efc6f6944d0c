"""Vectors of pairs of nodes. Legend: N nodes, P pairs, D width."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from lit_pretrain.nn.graph_position.pair import PairPosition, all_pairs, edges_and_selves
from lit_pretrain.nn.nodes.base import Nodes
from lit_pretrain.part import Part
from lit_pretrain.types import Edges, GraphBatch


class Pairs(Part):
    """Graphs -> pairs of nodes, and (P, D): linear(position of the pair) + what is made of the features of its edge.

    Args:
        position: such as `RRWP`.
        dim: D.
        of: "all" pairs of nodes of a graph, as in GRIT, or only "edges" and each node with itself, for large graphs.
        edge: makes vectors of edges, as `nn.nodes` makes them of nodes: it is given the features of edges instead.
    """

    def __init__(self, position: PairPosition, dim: int, of: Literal["all", "edges"] = "all", edge: Nodes | None = None):
        super().__init__()
        if of not in ("all", "edges"):
            raise ValueError(f"of={of!r} must be all or edges")
        if edge is not None and edge.dim != dim:
            raise ValueError(f"edge.dim={edge.dim} must be dim={dim}, since both are added")
        self.position, self.dim, self.of, self.edge = position, dim, of, edge
        self.linear = nn.Linear(position.dim, dim)

    def forward(self, inputs: GraphBatch) -> tuple[Edges, Tensor]:
        pairs = all_pairs(inputs) if self.of == "all" else edges_and_selves(inputs.edges)
        x = self.linear(self.position.pairs(inputs, pairs))
        if self.edge is None:
            return pairs, x
        if inputs.edge_features is None:
            raise ValueError("`edge` makes vectors of the features of edges, and the edges of these data have none")
        edges = self.edge(replace(inputs, features=inputs.edge_features))
        return pairs, x.index_add(0, places(inputs.edges, pairs), edges.to(x.dtype))


def places(edges: Edges, pairs: Edges) -> Tensor:
    """(E,) where among pairs that hold all edges each edge is."""

    def keys(e: Edges) -> Tensor:
        return e.targets * e.num_nodes + e.sources  # rising

    return torch.searchsorted(keys(pairs), keys(edges))
