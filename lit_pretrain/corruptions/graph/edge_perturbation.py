"""Edges taken away and put elsewhere (an augmentation of GraphCL, arXiv 2010.13902)."""

from dataclasses import replace

import torch
from torch import Tensor

from lit_pretrain.corruptions.graph.base import GraphCorruption, chance, undirected_draws
from lit_pretrain.types import Edges, GraphBatch


class EdgePerturbation(GraphCorruption):
    """Each edge by itself, both directions together, is dropped; for each that is, one is added between two other nodes.

    The two are drawn from all nodes of the same graph, and the added edge has the features of the dropped one. Where one
    stands already, none is added.

    Args:
        rate: chance to be dropped.
    """

    def __init__(self, rate: float = 0.2):
        self.rate = chance("rate", rate)

    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        draws = undirected_draws(batch.edges, generator, 3)  # (E, 3)
        index = torch.where(draws[:, 0] < self.rate, self._places(batch, draws), batch.edges.index)
        # Of edges at one place the first stays: one that was not moved, or the same one in both directions.
        first = draws[:, 0].argsort(descending=True, stable=True)
        edges, order = Edges.of(index[:, first], batch.num_nodes)
        features = None if batch.edge_features is None else batch.edge_features[first[order]]
        twice = torch.zeros_like(first, dtype=torch.bool)
        twice[1:] = (edges.index[:, 1:] == edges.index[:, :-1]).all(0)
        return replace(batch, edges=edges, edge_features=features).without_edges(twice)

    def _places(self, batch: GraphBatch, draws: Tensor) -> Tensor:
        """(2, E) two different nodes of each edge's graph, the other way round for the edge's other direction."""
        sources, targets = batch.edges.index
        offsets = batch.graphs.offsets.long()
        graph = batch.graphs.example[sources]
        first, nodes = offsets[graph], offsets.diff()[graph]
        one = (draws[:, 1] * nodes).long()
        other = (one + 1 + (draws[:, 2] * (nodes - 1)).long()) % nodes
        low, high = torch.where(sources < targets, one, other), torch.where(sources < targets, other, one)
        return first + torch.stack([low, high])
