"""Where programs come from."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from lit_pretrain.part import Recorded


class Program(NamedTuple):
    """A program, and what its source knows of it.

    Args:
        text: the code.
        language: such as "python"; see `language_of`.
        label: its class.
        doc: what it does, in natural language; None: its docstring or the comment above it says so, or nothing.
        target: what is to be produced from it, such as the same program in another language.
        is_file: each of its functions becomes an example; otherwise the text as it is.
    """

    text: str
    language: str
    label: str | None = None
    doc: str | None = None
    target: str | None = None
    is_file: bool = False


class Source(Recorded):
    """Programs of the splits `train`, `validation` and `test`, always in the same order.

    Attributes:
        counts: what the last reading of a split left out, and why.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    @abstractmethod
    def programs(self, split: str) -> Iterator[Program]:
        """The programs of a split; none where the source has no such split."""

    @abstractmethod
    def fingerprint(self, split: str) -> str:
        """Changes when the programs change; names the cache of their tokens."""


def language_of(name: str) -> str:
    """A language's name as that of its grammar's module: "C++" is "cpp", "C#" is "c_sharp"."""
    return name.strip().lower().replace("+", "p").replace("#", "_sharp").replace("-", "_").replace(" ", "_")


def check_one(language: str | None, language_field: str | None) -> None:
    """Raises ValueError unless exactly one of them is given."""
    if (language is None) == (language_field is None):
        raise ValueError(f"give one of language={language!r} and language_field={language_field!r}, the other null")
