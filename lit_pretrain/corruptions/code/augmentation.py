"""Variants of programs. Legend: B programs, U tokens of all of them end to end."""

from abc import abstractmethod

import torch
from torch import Tensor

from lit_pretrain.corruptions.writing import expand
from lit_pretrain.part import Recorded
from lit_pretrain.types import CodeBatch


class Augmentation(Recorded):
    """Changes programs or their descriptions, token by token; kinds, leaves and names stay with their tokens."""

    @abstractmethod
    def __call__(self, batch: CodeBatch, which: Tensor, generator: torch.Generator) -> CodeBatch:
        """A batch in which the programs of `which` (B,) bool are changed."""


def substituted(batch: CodeBatch, count: Tensor, origin: Tensor, pool: Tensor) -> CodeBatch:
    """Each unit becomes `count` (U,) tokens of `pool`, from number `origin` (U,) on."""
    unit = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    return batch.of_units(unit, pool[expand(origin, count)])
