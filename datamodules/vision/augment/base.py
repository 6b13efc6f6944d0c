"""Random changes of whole batches of images, on the device that trains.

Legend: B images, C channels, H rows, W columns, R the images that are changed.
"""

from abc import abstractmethod

from torch import Tensor

from lit_pretrain.datamodules.draws import Draws
from lit_pretrain.part import Recorded


class Augmentation(Recorded):
    """A random change of images, each by draws of its own, without a loop over them."""

    @abstractmethod
    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        """(B, C, H, W) float in [0, 1] -> the same range, another size where that is the purpose."""


class Sometimes(Augmentation):
    """A change that happens to an image with probability `p`; computed only for the images that it happens to."""

    p: float

    @abstractmethod
    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """
        Args:
            images: (R, C, H, W).
            draws: (R, `num_draws`) in [0, 1).
        """

    num_draws: int = 0

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        numbers = draws.uniform(1 + self.num_draws)  # (B, 1 + num_draws), also for images that stay as they are
        rows = (numbers[:, 0] < self.p).nonzero()[:, 0]
        if not len(rows):
            return images
        return images.index_copy(0, rows, self.change(images[rows], numbers[rows, 1:]))


def check_chance(p: float) -> float:
    """Raises ValueError if `p` is no probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"p={p} must be a probability")
    return p
