"""Edges left out at random (DropEdge, arXiv 1907.10903; an augmentation of GraphCL and BGRL)."""

import torch

from lit_pretrain.corruptions.graph.base import GraphCorruption, chance, undirected_draws
from lit_pretrain.types import GraphBatch


class EdgeDropping(GraphCorruption):
    """Each edge by itself, both directions together.

    Args:
        rate: chance to be left out.
    """

    def __init__(self, rate: float = 0.2):
        self.rate = chance("rate", rate)

    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        return batch.without_edges(undirected_draws(batch.edges, generator) < self.rate)
