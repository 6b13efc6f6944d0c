"""Bright pixels inverted."""

import torch
from torch import Tensor

from lit_pretrain.datamodules.vision.augment.base import Sometimes, check_chance


class Solarize(Sometimes):
    """Values from a threshold on become one minus themselves.

    Args:
        threshold: between 0 and 1.
        p: the probability (0.2 for BYOL's second view, arXiv 2006.07733).
    """

    def __init__(self, threshold: float = 0.5, p: float = 0.2):
        self.threshold, self.p = threshold, check_chance(p)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        return torch.where(images >= self.threshold, 1 - images, images)
