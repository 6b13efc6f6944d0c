"""Several corruptions, one after the other."""

from collections.abc import Sequence

import torch

from lit_pretrain.corruptions.graph.base import GraphCorruption
from lit_pretrain.types import GraphBatch


class AllOf(GraphCorruption):
    """Each alters what the one before it has left.

    Args:
        steps: in order; none of them: the graphs stay as they are.
    """

    def __init__(self, steps: Sequence[GraphCorruption]):
        self.steps = tuple(steps)

    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        for step in self.steps:
            batch = step(batch, generator)
        return batch
