"""A corruption drawn from a pool (GraphCL, arXiv 2010.13902)."""

from collections.abc import Sequence

import torch

from lit_pretrain.corruptions.graph.base import GraphCorruption
from lit_pretrain.types import GraphBatch


class OneOf(GraphCorruption):
    """One of them for the whole batch, all equally often.

    Args:
        pool: to be drawn from; one that stands in it twice is drawn twice as often.
    """

    def __init__(self, pool: Sequence[GraphCorruption]):
        if not pool:
            raise ValueError("pool=[]: there is no corruption to draw")
        self.pool = tuple(pool)

    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        number = torch.randint(len(self.pool), (), device=batch.features.device, generator=generator)
        return self.pool[int(number)](batch, generator)
