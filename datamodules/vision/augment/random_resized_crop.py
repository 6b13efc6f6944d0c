"""A rectangle of an image, brought to one size (GoogLeNet, arXiv 1409.4842; the parameters of torchvision)."""

import math

import torch
from torch import Tensor

from lit_pretrain.datamodules.draws import Draws
from lit_pretrain.datamodules.vision.augment.base import Augmentation
from lit_pretrain.datamodules.vision.augment.resample import resized_crop

TRIES = 10  # as torchvision: rectangles that are drawn until one fits into the image


class RandomResizedCrop(Augmentation):
    """A rectangle of random area, shape and place, resized with antialiasing.

    Args:
        size: the side of the result; None: the image's own height.
        scale: smallest and largest share of the image's area.
        ratio: smallest and largest width over height; its logarithm is uniform.
    """

    def __init__(self, size: int | None = None, scale: tuple[float, float] = (0.08, 1.0),
                 ratio: tuple[float, float] = (3 / 4, 4 / 3)):  # fmt: skip
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f"scale={tuple(scale)} must be two shares in order")
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f"ratio={tuple(ratio)} must be two positive numbers in order")
        self.size, self.scale, self.ratio = size, tuple(scale), tuple(ratio)

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        top, left, height, width = self.rectangles(*images.shape[2:], draws)
        return resized_crop(images, top, left, height, width, self.size or images.shape[2])

    def rectangles(self, rows: int, columns: int, draws: Draws) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Top, left, height and width, each (B,), in whole pixels."""
        numbers = draws.uniform(2 * TRIES + 2)
        area, shape = numbers[:, :TRIES], numbers[:, TRIES : 2 * TRIES]
        area = rows * columns * (self.scale[0] + (self.scale[1] - self.scale[0]) * area)
        low, high = (math.log(r) for r in self.ratio)
        shape = torch.exp(low + (high - low) * shape)
        width, height = torch.sqrt(area * shape).round(), torch.sqrt(area / shape).round()  # (B, TRIES)
        fits = (width >= 1) & (width <= columns) & (height >= 1) & (height <= rows)
        first = fits.int().argmax(1, keepdim=True)
        # If none fits: the largest rectangle of an allowed shape.
        some = fits.any(1)
        whole = min(max(columns / rows, self.ratio[0]), self.ratio[1])
        width = torch.where(some, width.gather(1, first)[:, 0], float(min(columns, round(rows * whole))))
        height = torch.where(some, height.gather(1, first)[:, 0], float(min(rows, round(columns / whole))))
        top = (numbers[:, -2] * (rows - height + 1)).floor()
        left = (numbers[:, -1] * (columns - width + 1)).floor()
        return top, left, height, width
