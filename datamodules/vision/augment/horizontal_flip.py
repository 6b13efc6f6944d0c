"""Left and right exchanged."""

from torch import Tensor

from lit_pretrain.datamodules.vision.augment.base import Sometimes, check_chance


class HorizontalFlip(Sometimes):
    """Mirror an image.

    Args:
        p: the probability.
    """

    def __init__(self, p: float = 0.5):
        self.p = check_chance(p)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        return images.flip(-1)
