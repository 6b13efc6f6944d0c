"""How bright a colour is."""

from torch import Tensor

GREY = (0.299, 0.587, 0.114)  # of red, green and blue, ITU-R 601


def grey(images: Tensor) -> Tensor:
    """(..., C, H, W) float -> (..., 1, H, W)."""
    if images.shape[-3] == 1:
        return images
    return (images * images.new_tensor(GREY)[:, None, None]).sum(-3, keepdim=True)
