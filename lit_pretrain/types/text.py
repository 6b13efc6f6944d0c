"""Documents as token ids. Legend: B documents, U tokens of all documents laid end to end, V vocabulary."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from lit_pretrain.types.batch import Batch
from lit_pretrain.types.layout import Layout


@dataclass(frozen=True)
class Vocabulary:
    """What an objective must know of the tokenizer. Ids that the tokenizer lacks are None.

    Args:
        size: V, the number of ids.
        special: (V,) bool, true at ids that stand for no text ([CLS], [SEP], [MASK], sentinels, ...).
        starts_word: (V,) bool, true at tokens that begin a word; whole-word corruption groups by it.
        sentinels: ids of the span markers of span corruption, first to last.
    """

    size: int
    special: Tensor
    starts_word: Tensor
    pad: int | None = None
    mask: int | None = None
    cls: int | None = None
    sep: int | None = None
    bos: int | None = None
    eos: int | None = None
    sentinels: tuple[int, ...] = ()

    def need(self, name: str) -> int:
        """The id called `name`, or a ValueError that says how to get one."""
        value = getattr(self, name)
        if value is None:
            raise ValueError(f"this objective needs a {name!r} token, which the tokenizer lacks; add one to the"
                             " tokenizer's special tokens")  # fmt: skip
        return value

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Vocabulary":
        if self.special.device == torch.device(device):
            return self
        return replace(self, special=self.special.to(device, non_blocking=non_blocking),
                       starts_word=self.starts_word.to(device, non_blocking=non_blocking))  # fmt: skip


@dataclass
class TextBatch(Batch):
    """Documents as token ids, laid end to end. `CodeBatch` says more of them.

    Args:
        tokens: (U,) int64.
        lengths: tokens of each document.
        vocab: the tokenizer's ids; the loader attaches it.
        num_bytes: (B,) int64 UTF-8 bytes that each document's tokens stand for, for bits per byte.
        prefix: tokens of each document that all of it may see, for prefix language models; None: no prefix.
        positions: (U,) int64, where tokens stand, if not one after the other.
        visible: of each document (tokens, tokens) bool, see `Layout`.
    """

    tokens: Tensor
    lengths: tuple[int, ...]
    vocab: Vocabulary | None = None
    num_bytes: Tensor | None = None
    prefix: tuple[int, ...] | None = None
    positions: Tensor | None = None
    visible: tuple[Tensor, ...] | None = None

    @property
    def num_examples(self) -> int:
        return len(self.lengths)

    @property
    def num_units(self) -> int:
        return len(self.tokens)

    @cached_property
    def layout(self) -> Layout:
        return Layout(self.lengths, self.tokens.device, positions=self.positions, prefix=self.prefix, visible=self.visible)

    @property
    def symbols(self) -> Tensor:
        return self.tokens

    @property
    def delimiters(self) -> Tensor | None:
        return None if self.vocab is None else self.vocab.special[self.tokens]
