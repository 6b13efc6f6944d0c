"""Nodes whose features are hidden (an augmentation of GraphCL, arXiv 2010.13902)."""

from dataclasses import replace

import torch

from lit_pretrain.corruptions.graph.base import GraphCorruption, chance, chosen_nodes
from lit_pretrain.types import GraphBatch


class AttributeMasking(GraphCorruption):
    """The same share of every graph.

    Numbers become 0. Categories, none of which means "hidden", become those of a node that is drawn at random.

    Args:
        rate: share of a graph's nodes, rounded down.
    """

    def __init__(self, rate: float = 0.2):
        self.rate = chance("rate", rate)

    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        hidden, shown = chosen_nodes(batch, self.rate, generator)[:, None], torch.zeros_like(batch.features)
        if not batch.features.is_floating_point():
            n = batch.num_nodes
            shown = batch.features[torch.randint(n, (n,), device=hidden.device, generator=generator)]
        return replace(batch, features=torch.where(hidden, shown, batch.features))
