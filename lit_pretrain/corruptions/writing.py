"""New token sequences from those of a batch. Legend: U units of all examples end to end, K offers of a unit, S segments."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_pretrain.types import TextBatch


def write(batch: TextBatch, offers: Sequence[Tensor | int], taken: Sequence[Tensor]) -> TextBatch:
    """Each unit offers K tokens, one after the other; those that are taken make the new examples.

    Args:
        offers: K times (U,) ids, or one id for all units.
        taken: K times (U,) bool.
    """
    every = torch.stack(
        [torch.as_tensor(x, device=batch.tokens.device).expand_as(batch.tokens) for x in offers], 1
    )  # (U, K)
    chosen = torch.stack(list(taken), 1)
    return TextBatch(every[chosen], tuple(batch.layout.counts(chosen.sum(1)).tolist()), batch.vocab)


def pick(chosen: Sequence[tuple[TextBatch, int]]) -> TextBatch:
    """A batch of single examples of other batches, each given as (batch, number of the example)."""
    examples = {id(batch): batch.tokens.split(batch.lengths) for batch, _ in chosen}
    tokens = [examples[id(batch)][number] for batch, number in chosen]
    return TextBatch(torch.cat(tokens), tuple(len(x) for x in tokens), chosen[0][0].vocab)


def first_units(batch: TextBatch) -> Tensor:
    """(U,) bool, true at the first unit of each example; `batch.layout` has no empty ones."""
    return batch.layout.position == 0


def last_units(batch: TextBatch) -> Tensor:
    """(U,) bool, true at the last unit of each example; `batch.layout` has no empty ones."""
    last = torch.zeros_like(batch.tokens, dtype=torch.bool)
    last[batch.layout.offsets[1:].long() - 1] = True
    return last


def expand(start: Tensor, length: Tensor) -> Tensor:
    """The numbers start, start + 1, ... of each segment, (S,) starts and lengths, one after the other."""
    before = length.cumsum(0) - length
    return torch.repeat_interleave(start - before, length) + torch.arange(int(length.sum()), device=start.device)
