"""Where documents come from."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from lit_pretrain.part import Recorded


class Document(NamedTuple):
    """A text and, where the source has one, its label."""

    text: str
    label: str | None = None


class Source(Recorded):
    """Documents of the splits `train`, `validation` and `test`, always in the same order."""

    @abstractmethod
    def documents(self, split: str) -> Iterator[Document]:
        """The documents of a split; none where the source has no such split."""

    @abstractmethod
    def fingerprint(self, split: str) -> str:
        """Changes when the documents change; names the cache of their tokens."""
