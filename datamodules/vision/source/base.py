"""Where images come from."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np

from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.part import Recorded

SPLITS = ("train", "validation", "test")


class Images:
    """The images of a split, always in the same order.

    Attributes:
        labels: (N,) int64 numbers in the source's `class_names`, -1 where an image has none; None: unlabelled.
        tags: (N, T) bool, the tags that each image carries; None: untagged.
    """

    labels: np.ndarray | None = None
    tags: np.ndarray | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, i: int) -> np.ndarray:
        """(H, W, C) uint8 with C = 1 or 3.

        Raises:
            Unreadable: the image cannot be decoded.
        """

    def name(self, i: int) -> str:
        """What a message calls image i, such as its file."""
        return f"image {i}"


class Arrays(Images):
    """Images of one size in memory.

    Args:
        array: (N, H, W, C) uint8.
        labels, tags: see `Images`.
    """

    def __init__(self, array: np.ndarray, labels: np.ndarray | None = None, tags: np.ndarray | None = None):
        self.array, self.labels, self.tags = array, labels, tags

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, i: int) -> np.ndarray:
        return self.array[i]


class Source(Recorded):
    """Images of the splits `train`, `validation` and `test`.

    Attributes:
        class_names: names of the labels, in the order of their numbers; empty: unlabelled.
        tag_names: names of the tags, in the order of the columns of `Images.tags`; empty: untagged.
    """

    class_names: tuple[str, ...] = ()
    tag_names: tuple[str, ...] = ()

    @abstractmethod
    def images(self, split: str, decoder: Decoder = Decoder()) -> Images:
        """The images of a split; none where the source has no such split.

        Args:
            split: "train", "validation" or "test".
            decoder: makes arrays of files; images that are arrays already do without.
        """

    @abstractmethod
    def fingerprint(self, split: str) -> str:
        """Changes when the images or their order change."""


def no_images() -> Arrays:
    """What a split holds that the source does not have."""
    return Arrays(np.zeros((0, 1, 1, 1), np.uint8))


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
    """The numbers of the training images that belong to `split`, train or validation, in their order: a fixed choice.

    Raises:
        ValueError: the fraction is no share below 1.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"validation_fraction={fraction} must be a share below 1")
    order = np.random.default_rng(0).permutation(count)
    size = round(count * fraction)
    return np.sort(order[:size] if split == "validation" else order[size:])
