"""Variants that the data bring along. Legend: B programs, U tokens of all of them end to end."""

import torch
from torch import Tensor

from lit_pretrain.corruptions.code.augmentation import Augmentation, substituted
from lit_pretrain.corruptions.code.modalities import has
from lit_pretrain.corruptions.writing import first_units
from lit_pretrain.types import CodeBatch


class GivenVariants(Augmentation):
    """The code of a program becomes its `target`, a variant that was made from the text (`source.varied.Varied`).

    Programs without a target stay as they are. Of the new tokens no leaf and no name is known.

    Args:
        max_length: the most tokens that are taken of a variant.
    """

    def __init__(self, max_length: int = 256):
        super().__init__()
        if max_length < 1:
            raise ValueError(f"max_length={max_length} must be at least 1")
        self.max_length = max_length

    def __call__(self, batch: CodeBatch, which: Tensor, generator: torch.Generator) -> CodeBatch:
        if batch.target is None:
            return batch
        lengths = torch.tensor(batch.target.lengths, device=which.device)
        code = batch.is_code
        coded = torch.tensor(has(batch, code), device=which.device)
        changed = code & (which & coded & (lengths > 0))[batch.layout.example]
        first = changed & (~changed.roll(1) | first_units(batch))
        start = (lengths.cumsum(0) - lengths + len(batch.tokens))[batch.layout.example]
        count = torch.where(first, lengths.clamp(max=self.max_length)[batch.layout.example], (~changed).long())
        origin = torch.where(first, start, torch.arange(len(code), device=code.device))
        made = substituted(batch, count, origin, torch.cat([batch.tokens, batch.target.values]))
        new = torch.repeat_interleave(changed, count)
        made.leaf, made.name = (x.masked_fill(new, -1) for x in (made.leaf, made.name))
        return made
