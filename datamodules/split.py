"""What the sources of every modality share: splits, a part held out, labels as numbers, fingerprints."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

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
