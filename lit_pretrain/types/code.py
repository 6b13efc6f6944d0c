"""Programs as token ids with what a parser knows of them.

Legend: B programs, U tokens of all programs laid end to end, W occurrences of variables, E edges of data flow.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

import torch
from torch import Tensor

from lit_pretrain.types.layout import Ragged
from lit_pretrain.types.text import TextBatch


class Kind(IntEnum):
    """What a token of a program is."""

    SPECIAL = 0  # [CLS], [SEP], ...
    DOC = 1  # of the description in natural language
    IDENTIFIER = 2
    KEYWORD = 3
    OPERATOR = 4  # and punctuation
    LITERAL = 5
    COMMENT = 6
    OTHER = 7  # white space at the end, and all of a program that could not be parsed


@dataclass
class CodeBatch(TextBatch):
    """Programs (functions, as a rule) as token ids: `before` description `between` code `after`.

    A token of the code never reaches over the border of two leaves of the syntax tree. Leaves are numbered 0, 1, ... in
    each program, in the order of the text. What was cut off at the end of a long program is missing in all fields.
    Objectives for text see the tokens alone, and so run on code unchanged.

    Args:
        kind: (U,) uint8, a `Kind`.
        leaf: (U,) int64 leaf of the tree that a token is part of; -1: none.
        name: (U,) int64 number of a token's identifier among those of its program, equal for equal spelling; -1: none.
        tree: int64, each program's syntax tree, flattened: a leaf by its number n >= 0; an inner node of type t by
            -1 - 2t where it opens and -2 - 2t where it closes. Empty where a program could not be parsed.
        variables: int64, the leaves that are occurrences of variables, in the order of the text.
        flow: (E, 2) int64 pairs (i, j) of numbers of `variables.values` (0 to W - 1 over the batch): the value of i comes
            from j.
        node_types: number of types of inner nodes; the types' names are the datamodule's `node_types`.
    """

    kind: Tensor | None = None
    leaf: Tensor | None = None
    name: Tensor | None = None
    tree: Ragged | None = None
    variables: Ragged | None = None
    flow: Tensor | None = None
    node_types: int = 0

    @property
    def is_doc(self) -> Tensor:
        """(U,) bool: tokens of descriptions."""
        return self.kind == Kind.DOC

    @property
    def is_code(self) -> Tensor:
        """(U,) bool: tokens of code."""
        return self.kind >= Kind.IDENTIFIER

    def only(self, keep: Tensor) -> "CodeBatch":
        """The batch without the tokens where `keep` (U,) bool is false. Leaves, tree and flow stay as they were."""
        return self.of_units(keep.nonzero()[:, 0])

    def of_units(self, unit: Tensor, tokens: Tensor | None = None) -> "CodeBatch":
        """A batch of the units `unit` (U',), in this order, example after example, with other `tokens` (U',) if given.

        Kinds, leaves and names stay with their units; tree and flow as they were.
        """
        counts = torch.bincount(self.layout.example[unit], minlength=self.num_examples)
        return replace(self, tokens=self.tokens[unit] if tokens is None else tokens, lengths=tuple(counts.tolist()),
                       kind=self.kind[unit], leaf=self.leaf[unit], name=self.name[unit], num_bytes=None)  # fmt: skip

    @cached_property
    def counterparts(self) -> tuple["CodeBatch", "CodeBatch"]:
        """Descriptions alone and code alone, each with what stands before and after an example, without tree and flow."""
        example = self.layout.example
        docs, codes = self.layout.counts(self.is_doc), self.layout.counts(self.is_code)
        both = (docs > 0) & (codes > 0)  # (B,)
        # What stands between the two comes after all words of the description and before the first of the code.
        docs_before = self.is_doc.long().cumsum(0) - (docs.cumsum(0) - docs)[example]
        codes_before = self.is_code.long().cumsum(0) - (codes.cumsum(0) - codes)[example]
        around = (self.kind == Kind.SPECIAL) & ~((docs_before > 0) & (codes_before == 0))
        whole, chosen = both[example], both.nonzero()[:, 0]
        return self.part(whole & (around | self.is_doc), chosen), self.part(whole & (around | self.is_code), chosen)

    def part(self, keep: Tensor, examples: Tensor) -> "CodeBatch":
        """`examples` (N,) int64 alone, of them the tokens of `keep` (U,) bool, at least one each; without tree and flow."""
        found = self.only(keep)
        labels, index = (None if x is None else x[examples] for x in (self.labels, self.index))
        lengths = tuple(length for length in found.lengths if length)
        return replace(found, lengths=lengths, labels=labels, index=index, tree=None, variables=None, flow=None, target=None,
                       unit_labels=None)  # fmt: skip

    def split(self, size: int) -> list["CodeBatch"]:
        """Without tree and flow, as `part`."""
        number = torch.arange(self.num_examples, device=self.tokens.device)
        return [self.part(self.layout.example // size == k, chosen) for k, chosen in enumerate(number.split(size))]
