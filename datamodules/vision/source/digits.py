"""scikit-learn's handwritten digits: real images on every machine, with planted hashtags."""

from functools import cached_property

import numpy as np
from sklearn.datasets import load_digits

from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.source.base import Arrays, Source

SIZES = {"train": 1200, "validation": 297, "test": 300}
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# What else is true of some digits: the hashtags that they share.
PROPERTIES = {
    "even": (0, 2, 4, 6, 8),
    "odd": (1, 3, 5, 7, 9),
    "loop": (0, 6, 8, 9),
    "straight": (1, 4, 7),
    "prime": (2, 3, 5, 7),
    "square": (0, 1, 4, 9),
}


class Digits(Source):
    """1797 images of 8 x 8 grey pixels (UCI's optical recognition of handwritten digits), split once and for all.

    Each carries hashtags: the name of its digit and the properties of it.

    Args:
        tag_noise: this share of the hashtags is wrong: half of them are left out, half are replaced by any other.
    """

    class_names = NAMES
    tag_names = (*NAMES, *PROPERTIES)

    def __init__(self, tag_noise: float = 0.2):
        if not 0 <= tag_noise <= 1:
            raise ValueError(f"tag_noise={tag_noise} must be a share")
        self.tag_noise = tag_noise

    def images(self, split: str, decoder: Decoder = Decoder()) -> Arrays:
        sizes = list(SIZES.values())
        parts = np.split(np.random.default_rng(0).permutation(sum(sizes)), np.cumsum(sizes)[:-1])
        own = parts[list(SIZES).index(split)]
        array, labels = self._digits
        return Arrays(array[own], labels[own], self._tags[own])

    def fingerprint(self, split: str) -> str:
        return digest("digits", split, self.tag_noise)

    @cached_property
    def _digits(self) -> tuple[np.ndarray, np.ndarray]:
        found = load_digits()
        return np.rint(found.images * (255 / 16)).astype(np.uint8)[..., None], found.target.astype(np.int64)

    @cached_property
    def _tags(self) -> np.ndarray:
        labels, rng = self._digits[1], np.random.default_rng(0)
        true = np.zeros((len(NAMES), len(self.tag_names)), bool)
        for column, digits in enumerate([*((d,) for d in range(len(NAMES))), *PROPERTIES.values()]):
            true[list(digits), column] = True
        wrong = true[labels] & (rng.random((len(labels), true.shape[1])) < self.tag_noise)
        tags = true[labels] & ~wrong
        image, _ = np.nonzero(wrong & (rng.random(wrong.shape) < 0.5))
        tags[image, rng.integers(true.shape[1], size=len(image))] = True
        return tags
