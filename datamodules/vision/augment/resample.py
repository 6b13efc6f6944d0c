"""Crops of any size brought to one size, as two matrix products.

Legend: B images, C channels, H x W pixels in, h x w pixels out.
"""

import torch
from torch import Tensor


def weights(start: Tensor, length: Tensor, size_in: int, size_out: int) -> Tensor:
    """(B, size_out, size_in) the share of each pixel of a line in each pixel of its resized crop.

    Linear interpolation, over a wider neighbourhood where the crop shrinks (antialiasing); pixels outside the crop do
    not count. The same as torchvision's `resized_crop(..., antialias=True)` for crops at whole pixels.

    Args:
        start, length: (B,) where the crop begins, and how long it is.
    """
    step = (length / size_out)[:, None, None]
    pixel = torch.arange(size_in, device=start.device) + 0.5  # (size_in,) centres
    centre = start[:, None, None] + (torch.arange(size_out, device=start.device)[:, None] + 0.5) * step
    share = (1 - (pixel - centre).abs() / step.clamp(min=1)).clamp(min=0)  # (B, size_out, size_in)
    inside = (pixel > start[:, None, None]) & (pixel < (start + length)[:, None, None])
    share = share * inside
    return share / share.sum(2, keepdim=True)


def resized_crop(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor, size: int) -> Tensor:
    """(B, C, H, W) -> (B, C, size, size), of each image its own rectangle; top, left, height and width are (B,)."""
    rows = weights(top, height, images.shape[2], size)[:, None]  # (B, 1, h, H)
    columns = weights(left, width, images.shape[3], size)[:, None]  # (B, 1, w, W)
    return (rows.to(images) @ images @ columns.to(images).mT).clamp(0, 1)


def resize(images: Tensor, size: int) -> Tensor:
    """(B, C, H, W) -> (B, C, size, size), the whole of each image."""
    if images.shape[2:] == (size, size):
        return images
    zero = torch.zeros(1, device=images.device)
    return resized_crop(images, zero, zero, zero + images.shape[2], zero + images.shape[3], size)
