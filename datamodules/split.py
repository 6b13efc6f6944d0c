"""What the sources of every modality share: splits, a part held out, labels as numbers, fingerprints."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

Row = TypeVar("Row")
SPLITS = ("train", "validation", "test")


def numbered(values: Iterable[str | None], names: Sequence[str], what: str) -> np.ndarray | None:
    """Labels as numbers in `names`; -1 for None; None instead of an array if none has a label.

    Raises:
        ValueError: a label is not among the names.
    """
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(names)} | {None: -1}
    try:
        found = np.fromiter((numbers[value] for value in values), np.int64)
    except KeyError as error:
        raise ValueError(f"{what}: label {error} does not occur in the training split, which has {names[:20]}") from None
    return found if (found >= 0).any() else None


def digest(*what: object) -> str:
    """A short name of plain values, for fingerprints."""
    return hashlib.blake2b(repr(what).encode(), digest_size=16).hexdigest()


def of_split(split: str, read: Callable[[str], Iterator[Row]], fraction: float) -> Iterator[Row]:
    """What `read(split)` gives; but where a fraction is held out, validation has every n-th of the training rows, and
    training the others."""
    if not fraction or split == "test":
        yield from read(split)
        return
    every = max(2, round(1 / fraction))
    yield from (row for i, row in enumerate(read("train")) if (i % every == every // 2) == (split == "validation"))


class Numbering:
    """Labels of rows as numbers, before all their names are known."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.numbers: list[int] = []

    def add(self, label: str | None) -> None:
        self.numbers.append(-1 if label is None else self.names.setdefault(label, len(self.names)))

    def by_name(self) -> tuple[np.ndarray, list[str]]:
        """(N,) int64 numbers in the order of the names, which the order of the rows does not change; -1 for None. And the
        names."""
        order = sorted(self.names)
        place = np.array([*(order.index(name) for name in self.names), -1], np.int64)  # the last entry serves -1
        return place[np.array(self.numbers, np.int64)], order


def held_out(count: int, fraction: float, split: str) -> np.ndarray:
    """The numbers of the training samples that belong to `split`, train or validation, in their order: a fixed choice.

    Raises:
        ValueError: the fraction is no share below 1.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"validation_fraction={fraction} must be a share below 1")
    order = np.random.default_rng(0).permutation(count)
    size = round(count * fraction)
    return np.sort(order[:size] if split == "validation" else order[size:])
