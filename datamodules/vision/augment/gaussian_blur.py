"""Blur of a random strength (SimCLR, arXiv 2002.05709)."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from lit_pretrain.datamodules.vision.augment.base import Sometimes, check_chance


class GaussianBlur(Sometimes):
    """Convolve with a Gaussian, first along the rows, then along the columns; edges are mirrored.

    Args:
        kernel_size: taps of the Gaussian, odd; None: a tenth of the image's side, as in SimCLR, and at least 3.
        sigma: the smallest and largest standard deviation in pixels.
        p: the probability.
    """

    num_draws = 1

    def __init__(self, kernel_size: int | None = None, sigma: tuple[float, float] = (0.1, 2.0), p: float = 0.5):
        if kernel_size is not None and (kernel_size < 1 or kernel_size % 2 == 0):
            raise ValueError(f"kernel_size={kernel_size} must be odd")
        if not 0 < sigma[0] <= sigma[1]:
            raise ValueError(f"sigma={tuple(sigma)} must be two positive numbers in order")
        self.kernel_size, self.sigma, self.p = kernel_size, tuple(sigma), check_chance(p)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        low, high = self.sigma
        return blur(images, low + (high - low) * draws[:, 0], self.kernel_size or max(3, images.shape[2] // 10 | 1))


def blur(images: Tensor, sigma: Tensor, kernel_size: int) -> Tensor:
    """(R, C, H, W), each image by its own sigma (R,)."""
    half = kernel_size // 2
    if half >= min(images.shape[2:]):
        raise ValueError(f"kernel_size={kernel_size} is too large for images of {images.shape[2]} x {images.shape[3]}")
    taps = torch.arange(-half, half + 1, device=images.device)
    weights = torch.exp(-0.5 * (taps / sigma[:, None]) ** 2)  # (R, kernel_size)
    weights = (weights / weights.sum(1, keepdim=True)).to(images.dtype)[:, :, None, None, None]
    for axis, sides in ((3, (half, half, 0, 0)), (2, (0, 0, half, half))):
        size, padded = images.shape[axis], pad(images, sides, mode="reflect")
        # A few shifted sums: a convolution with a kernel for each image is slow on a CPU.
        images = sum(weights[:, tap] * padded.narrow(axis, tap, size) for tap in range(kernel_size))
    return images
