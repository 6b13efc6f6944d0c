"""Features that are hidden at all nodes (an augmentation of GRACE, arXiv 2006.04131, and of BGRL)."""

from dataclasses import replace

import torch

from lit_pretrain.corruptions.graph.base import GraphCorruption, chance
from lit_pretrain.types import GraphBatch


class FeatureMasking(GraphCorruption):
    """Each column of features by itself becomes 0.

    Args:
        rate: chance to be hidden.

    Raises:
        ValueError: the features are categories, none of which means "hidden".
    """

    def __init__(self, rate: float = 0.2):
        self.rate = chance("rate", rate)

    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        if not batch.features.is_floating_point():
            raise ValueError(f"FeatureMasking sets features to 0, and {batch.features.dtype} categories have no such value:"
                             " use AttributeMasking")  # fmt: skip
        columns = torch.rand(batch.features.shape[1], device=batch.features.device, generator=generator) < self.rate
        return replace(batch, features=batch.features.masked_fill(columns, 0.0))
