"""Graphs altered at random. Legend: N nodes, E directed edges, F features of a node."""

from abc import abstractmethod

import torch
from torch import Tensor

from lit_pretrain.corruptions.random_order import places
from lit_pretrain.part import Recorded
from lit_pretrain.types import Edges, GraphBatch


class GraphCorruption(Recorded):
    """Graphs -> altered graphs, all draws from the generator."""

    @abstractmethod
    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch: ...


def chance(name: str, value: float) -> float:
    """
    Raises:
        ValueError: it lies outside [0, 1).
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name}={value} must be at least 0 and below 1")
    return value


def undirected_draws(edges: Edges, generator: torch.Generator, *shape: int) -> Tensor:
    """(E, *shape) uniform in [0, 1), equal for both directions of an edge."""
    sources, targets = edges.index
    keys = torch.minimum(sources, targets) * edges.num_nodes + torch.maximum(sources, targets)
    pairs, pair = keys.unique(return_inverse=True)
    return torch.rand(len(pairs), *shape, device=pair.device, generator=generator)[pair]


def chosen_nodes(batch: GraphBatch, share: float, generator: torch.Generator) -> Tensor:
    """(N,) bool: the share of each graph's nodes, rounded down, at random."""
    graphs = batch.graphs
    place = places(torch.ones_like(graphs.example, dtype=torch.bool), graphs, generator)
    return place < (graphs.offsets.diff().double() * share).floor()[graphs.example]
