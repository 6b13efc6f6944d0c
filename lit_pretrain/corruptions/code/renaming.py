"""Renamed identifiers (ContraBERT, arXiv 2301.09072).

Legend: B programs, U tokens of all programs end to end, I identifiers of all programs, P places where they stand.
"""

from abc import abstractmethod

import torch
from torch import Tensor

from lit_pretrain.corruptions.code.augmentation import Augmentation, substituted
from lit_pretrain.corruptions.writing import first_units
from lit_pretrain.types import CodeBatch


class Renaming(Augmentation):
    """Gives identifiers the names of others in the batch, the same at all places of a program.

    Names of a program that differ still differ, so its data flow is the same; white space stays. Names that are not defined
    in the program (attributes, imports) may be renamed with the others: variants that run are made from the text.

    Args:
        rate: share of the identifiers in question that are renamed, as long as there are other names.
    """

    def __init__(self, rate: float = 1.0):
        super().__init__()
        if not 0 < rate <= 1:
            raise ValueError(f"rate={rate}: the share of renamed identifiers must be above 0 and at most 1")
        self.rate = rate

    @abstractmethod
    def candidates(self, batch: CodeBatch) -> Tensor:
        """(U,) bool, true at tokens of identifiers in question, at one place at least."""

    def __call__(self, batch: CodeBatch, which: Tensor, generator: torch.Generator) -> CodeBatch:
        tokens, example = batch.tokens, batch.layout.example
        named = batch.name >= 0
        unit = named.nonzero()[:, 0]
        if not len(unit):
            return batch
        # Places, and where the name begins in each: at the last token that begins a word, after white space alone.
        begins = ((batch.leaf != batch.leaf.roll(1)) | first_units(batch))[unit]
        place = begins.long().cumsum(0) - 1  # (named tokens,)
        word = torch.where(batch.vocab.starts_word[tokens[unit]], unit, unit[begins][place])
        start = unit[begins].scatter_reduce(0, place, word, "amax")  # (P,)
        length = torch.zeros_like(start).index_add_(0, place, (unit >= start[place]).long())

        spaced = batch.vocab.starts_word[tokens[start]]  # (P,) whether there is a space in the name's first token

        found, identifier = ((example[start] << 32) + batch.name[start]).unique(return_inverse=True)  # (I,), (P,)
        # A place of each identifier with a space and one without: to keep white space, a new name needs both.
        ways = [_first_place(identifier, spaced == space, len(found)) for space in (False, True)]  # (I,) each
        asked = torch.zeros_like(found).index_add_(0, identifier[place], self.candidates(batch)[unit].long()) > 0
        draw = torch.rand(len(found), device=found.device, generator=generator) < self.rate
        owner = found >> 32
        donor = _donors(_spellings(tokens, start, length), identifier, ways, owner, asked & draw & which[owner], generator)

        # Each token becomes itself, a whole new name, or nothing.
        changed = (donor != torch.arange(len(donor), device=donor.device))[identifier]
        at = torch.where(spaced, ways[1][donor][identifier], ways[0][donor][identifier])  # (P,) lends its tokens
        at = torch.where(changed, at, torch.arange(len(start), device=start.device))
        count = torch.ones_like(tokens)
        count[unit] = (~(changed[place] & (unit >= start[place]))).long()
        count[start] = torch.where(changed, length[at], count[start])
        origin = torch.arange(len(tokens), device=tokens.device)
        origin[start] = start[at]
        return substituted(batch, count, origin, tokens)


class RenameVariables(Renaming):
    """Identifiers that occur as variables."""

    def candidates(self, batch: CodeBatch) -> Tensor:
        base = torch.tensor([0, *batch.variables.lengths], device=batch.tokens.device)
        stride = 1 << 32
        owner = torch.repeat_interleave(torch.arange(batch.num_examples, device=base.device), base[1:])
        return torch.isin(batch.layout.example * stride + batch.leaf, owner * stride + batch.variables.values)


class RenameFunction(Renaming):
    """The first identifier of each program, which is the name of a function in most languages."""

    def candidates(self, batch: CodeBatch) -> Tensor:
        unit = (batch.name >= 0).nonzero()[:, 0]
        example = batch.layout.example[unit]
        leaf = torch.full((batch.num_examples,), torch.iinfo(torch.long).max, device=unit.device)
        leaf = leaf.scatter_reduce(0, example, batch.leaf[unit], "amin")
        return (batch.name >= 0) & (batch.leaf == leaf[batch.layout.example])


def _first_place(identifier: Tensor, such: Tensor, count: int) -> Tensor:
    """(I,) the first of the places, (P,), of each identifier that are `such`, (P,) bool; -1: there is none."""
    number = torch.arange(len(identifier), device=identifier.device)
    none = torch.full((count,), len(identifier), device=identifier.device)
    first = none.scatter_reduce(0, identifier[such], number[such], "amin")
    return torch.where(first < len(identifier), first, -1)


def _spellings(tokens: Tensor, start: Tensor, length: Tensor) -> Tensor:
    """(P,) numbers, equal where the tokens of two names are."""
    place = torch.arange(int(length.max()), device=start.device)
    rows = tokens[(start[:, None] + place).clamp(max=len(tokens) - 1)]
    return rows.masked_fill(place >= length[:, None], -1).unique(dim=0, return_inverse=True)[1]


def _donors(spelling: Tensor, identifier: Tensor, ways: list[Tensor], owner: Tensor, renamed: Tensor,
            generator: torch.Generator) -> Tensor:  # fmt: skip
    """(I,) whose name each identifier gets: its own, or one that its program does not have, each once."""
    donor = torch.arange(len(owner), device=owner.device)
    used = [way for way in ways if (way >= 0).any()]  # with a space, without, or both
    lenders = donor[torch.stack([way >= 0 for way in used]).all(0)]
    spelled = torch.stack([spelling[way[lenders]] for way in used])  # (ways, lenders)
    order = torch.rand(len(lenders), device=owner.device, generator=generator).argsort()
    lenders, spelled = lenders[order], spelled[:, order]
    for b in owner[renamed].unique().tolist():
        wanting = (renamed & (owner == b)).nonzero()[:, 0]
        free = ~torch.isin(spelled, spelling[owner[identifier] == b]).any(0)
        # One of each spelling: the first.
        names, which = spelled[0, free].unique(return_inverse=True)
        first = torch.full_like(names, len(which)).scatter_reduce(
            0, which, torch.arange(len(which), device=which.device), "amin"
        )
        chosen = lenders[free][first[torch.rand(len(first), device=owner.device, generator=generator).argsort()]]
        donor[wanting[: len(chosen)]] = chosen[: len(wanting)]
    return donor
