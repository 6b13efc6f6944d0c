"""Random brightness, contrast, saturation and hue.

Legend: R images that are changed, C channels, H rows, W columns.
"""

import torch
from torch import Tensor

from lit_pretrain.datamodules.vision.augment.base import Sometimes, check_chance
from lit_pretrain.datamodules.vision.colour import grey


class ColorJitter(Sometimes):
    """The four changes of torchvision's ColorJitter, for each image by factors and in an order of its own.

    Args:
        brightness, contrast, saturation: factors are drawn from [max(0, 1 - x), 1 + x].
        hue: shifts are drawn from [-hue, hue], in turns of the colour circle.
        p: the probability that an image is changed at all (SimCLR, arXiv 2002.05709: 0.8).
    """

    num_draws = 8  # four strengths and the order

    def __init__(self, brightness: float = 0.4, contrast: float = 0.4, saturation: float = 0.4, hue: float = 0.1,
                 p: float = 0.8):  # fmt: skip
        if min(brightness, contrast, saturation) < 0 or not 0 <= hue <= 0.5:
            raise ValueError(f"brightness={brightness}, contrast={contrast} and saturation={saturation} must not be"
                             f" negative, and hue={hue} must lie between 0 and 0.5")  # fmt: skip
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue
        self.p = check_chance(p)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        changes = [(brighter, *_range(self.brightness)), (contrasted, *_range(self.contrast))]
        if images.shape[1] == 3:
            changes += [(saturated, *_range(self.saturation)), (hue_shifted, -self.hue, self.hue)]
        order = draws[:, 4 : 4 + len(changes)].argsort(1)  # (R, number of changes): which comes first, second, ...
        for turn in order.unbind(1):
            for number, (change, low, high) in enumerate(changes):
                rows = (turn == number).nonzero()[:, 0]
                if low < high and len(rows):
                    strength = low + (high - low) * draws[rows, number]
                    images = images.index_copy(0, rows, change(images[rows], strength[:, None, None, None]))
        return images


def _range(strength: float) -> tuple[float, float]:
    return max(0.0, 1 - strength), 1 + strength


# Each takes (R, C, H, W) and a strength (R, 1, 1, 1).


def brighter(images: Tensor, factor: Tensor) -> Tensor:
    return (images * factor).clamp(0, 1)


def contrasted(images: Tensor, factor: Tensor) -> Tensor:
    mean = grey(images).mean((1, 2, 3), keepdim=True)
    return (mean + factor * (images - mean)).clamp(0, 1)


def saturated(images: Tensor, factor: Tensor) -> Tensor:
    without = grey(images)
    return (without + factor * (images - without)).clamp(0, 1)


def hue_shifted(images: Tensor, turns: Tensor) -> Tensor:
    """From RGB to hue, saturation and value, and back with another hue."""
    value, highest = images.max(1, keepdim=True)  # (R, 1, H, W)
    chroma = value - images.amin(1, keepdim=True)
    red, green, blue = images.split(1, dim=1)
    divisor = torch.where(chroma == 0, 1.0, chroma)
    sixths = [(green - blue) / divisor, (blue - red) / divisor + 2, (red - green) / divisor + 4]
    hue = torch.cat(sixths, 1).gather(1, highest) + 6 * turns  # in sixths of a turn
    place = (images.new_tensor([5.0, 3.0, 1.0])[:, None, None] + hue) % 6  # (R, 3, H, W)
    return value - chroma * torch.minimum(place, 4 - place).clamp(0, 1)
