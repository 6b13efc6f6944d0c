"""Small turns, shifts and changes of scale."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from lit_pretrain.datamodules.draws import Draws
from lit_pretrain.datamodules.vision.augment.base import Augmentation


class Affine(Augmentation):
    """Each image is turned, scaled and shifted about its centre; what comes in from outside is black.

    Args:
        degrees: the largest turn to either side.
        translate: the largest shift, as a share of the side.
        scale: the smallest and largest factor of size.
    """

    def __init__(self, degrees: float = 10.0, translate: float = 0.1, scale: tuple[float, float] = (0.9, 1.1)):
        if min(scale) <= 0 or scale[0] > scale[1]:
            raise ValueError(f"scale={tuple(scale)} must be two positive numbers in order")
        self.degrees, self.translate, self.scale = degrees, translate, tuple(scale)

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        height, width = images.shape[2:]
        angle = math.radians(self.degrees) * draws.between(-1, 1)
        scale = draws.between(*self.scale)
        # grid_sample asks where a pixel comes from, so this is the inverse map; its coordinates run from -1 to 1.
        cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
        x, y = (2 * self.translate * draws.between(-1, 1) for _ in range(2))
        rows = [torch.stack([cos, sin * height / width, x], 1), torch.stack([-sin * width / height, cos, y], 1)]
        grid = affine_grid(torch.stack(rows, 1).to(images.dtype), list(images.shape), align_corners=False)
        return grid_sample(images, grid, align_corners=False)
