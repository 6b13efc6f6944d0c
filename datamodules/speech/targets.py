"""Transcripts as sequences of numbers."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

Level = Literal["words", "characters"]


class Targets:
    """A closed vocabulary of words or characters.

    Args:
        names: what the numbers stand for, in their order.
        level: what a transcript is split into.
    """

    def __init__(self, names: tuple[str, ...], level: Level):
        self.names, self.level = names, level
        self._numbers = {name: number for number, name in enumerate(names)}

    @classmethod
    def of(cls, transcripts: Iterable[str | None], level: Level) -> "Targets":
        """The vocabulary of some transcripts, sorted."""
        return cls(tuple(sorted({x for text in transcripts if text is not None for x in split(text, level)})), level)

    def numbers(self, text: str) -> np.ndarray:
        """int64; what is not in the vocabulary is left out.

        A recogniser cannot produce what it was not trained on, so error rates take such words for missing targets.
        """
        return np.array([self._numbers[x] for x in split(text, self.level) if x in self._numbers], np.int64)


def split(text: str, level: Level) -> list[str]:
    return text.split() if level == "words" else list(" ".join(text.split()))
