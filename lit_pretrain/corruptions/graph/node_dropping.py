"""Nodes left out at random, with their edges (an augmentation of GraphCL, arXiv 2010.13902)."""

import torch

from lit_pretrain.corruptions.graph.base import GraphCorruption, chance, chosen_nodes
from lit_pretrain.types import GraphBatch


class NodeDropping(GraphCorruption):
    """The same share of every graph. Nodes that are examples always stay: where all are, nothing is dropped.

    Args:
        rate: share of a graph's nodes, rounded down, so that one stays.
    """

    def __init__(self, rate: float = 0.2):
        self.rate = chance("rate", rate)

    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        drop = chosen_nodes(batch, self.rate, generator)
        return batch.without_nodes(drop if batch.seeds is None else drop.index_fill(0, batch.seeds, False))
