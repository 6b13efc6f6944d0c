"""Where images come from."""

from abc import abstractmethod

import numpy as np

from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.part import Recorded


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
