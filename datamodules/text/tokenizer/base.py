"""Text to ids and back."""

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from lit_pretrain.part import Recorded
from lit_pretrain.types import Vocabulary

WHITE = b" \t\n\r\v\f"  # bytes that begin a word

# Which special tokens surround a piece of text: [CLS] x [SEP], [BOS] x [EOS], x [EOS], x.
Template = Literal["encoder", "decoder", "seq2seq", "none"]


class Tokenizer(Recorded):
    """A tokenizer that may have to be trained first.

    Args:
        template: which special tokens surround a piece of text.
    """

    def __init__(self, template: Template = "encoder"):
        self.template = template

    @abstractmethod
    def prepare(self, texts: Callable[[], Iterable[str]], fingerprint: Callable[[], str], cache: Path) -> None:
        """Be ready to encode: train on `texts()`, or find the one trained on the same `fingerprint()` in `cache`."""

    @abstractmethod
    def encode(self, texts: list[str]) -> list[tuple[list[int], list[int]]]:
        """Of each text, its ids without special tokens, and the UTF-8 bytes that each id stands for."""

    @abstractmethod
    def decode(self, ids: list[int]) -> str: ...

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary: ...

    @abstractmethod
    def artifacts(self) -> dict[str, str]:
        """File name -> text; `transformers` reads them beside the weights."""

    @abstractmethod
    def restore(self, artifacts: dict[str, str]) -> None:
        """Become the tokenizer that `artifacts` wrote."""

    @abstractmethod
    def identity(self) -> str:
        """Changes when the ids of any text may change."""

    def around(self) -> tuple[list[int], list[int]]:
        """The ids before and after a piece of text."""
        vocab = self.vocabulary
        before = {"encoder": ["cls"], "decoder": ["bos"]}.get(self.template, [])
        after = {"encoder": ["sep"], "decoder": ["eos"], "seq2seq": ["eos"]}.get(self.template, [])
        return [vocab.need(name) for name in before], [vocab.need(name) for name in after]

    @property
    def digest(self) -> str:
        return hashlib.blake2b(f"{self.identity()}-{self.template}".encode(), digest_size=8).hexdigest()
