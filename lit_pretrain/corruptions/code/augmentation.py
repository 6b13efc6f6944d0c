"""Variants of programs. Legend: B programs, U tokens of all of them end to end, S segments of tokens."""

from abc import abstractmethod
from dataclasses import replace

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import CodeBatch


class Augmentation(Recorded):
    """Changes programs or their descriptions, token by token; kinds, leaves and names stay with their tokens."""

    @abstractmethod
    def __call__(self, batch: CodeBatch, which: Tensor, generator: torch.Generator) -> CodeBatch:
        """A batch in which the programs of `which` (B,) bool are changed."""


def relaid(batch: CodeBatch, unit: Tensor, tokens: Tensor | None = None) -> CodeBatch:
    """A batch of the units `unit` (U',), in this order, example after example, with other `tokens` (U',) if given."""
    counts = torch.bincount(batch.layout.example[unit], minlength=batch.num_examples)
    return replace(batch, tokens=batch.tokens[unit] if tokens is None else tokens, lengths=tuple(counts.tolist()),
                   kind=batch.kind[unit], leaf=batch.leaf[unit], name=batch.name[unit], num_bytes=None)  # fmt: skip


def substituted(batch: CodeBatch, count: Tensor, origin: Tensor, pool: Tensor) -> CodeBatch:
    """Each unit becomes `count` (U,) tokens of `pool`, from number `origin` (U,) on."""
    unit = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    return relaid(batch, unit, pool[expand(origin, count)])


def expand(start: Tensor, length: Tensor) -> Tensor:
    """The numbers start, start + 1, ... of each segment, (S,) starts and lengths, one after the other."""
    before = length.cumsum(0) - length
    return torch.repeat_interleave(start - before, length) + torch.arange(int(length.sum()), device=start.device)
