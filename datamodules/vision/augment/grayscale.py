"""Colours left out."""

from torch import Tensor

from lit_pretrain.datamodules.vision.augment.base import Sometimes, check_chance
from lit_pretrain.datamodules.vision.colour import grey


class Grayscale(Sometimes):
    """Every channel becomes the brightness.

    Args:
        p: the probability (0.2 in SimCLR, arXiv 2002.05709).
    """

    def __init__(self, p: float = 0.2):
        self.p = check_chance(p)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        return grey(images).expand_as(images)
