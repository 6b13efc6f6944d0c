"""The features of each node go to another one (the corruption of DGI, arXiv 1809.10341)."""

from dataclasses import replace

import torch

from lit_pretrain.corruptions.graph.base import GraphCorruption
from lit_pretrain.types import GraphBatch


class ShuffledFeatures(GraphCorruption):
    """A permutation of the rows of features over all nodes of the batch; edges stay."""

    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        order = torch.randperm(batch.num_nodes, device=batch.features.device, generator=generator)
        return replace(batch, features=batch.features.index_select(0, order))
