"""Patches as rows of numbers, and vectors of the visible ones put back among hidden ones: what masked autoencoders share.

Legend: B images, C channels, S side of an image, P side of a patch, N patches of an image, U units of all images, K of them
visible, D width.
"""

import torch
from torch import Tensor


def patchify(images: Tensor, side: int) -> Tensor:
    """(B, C, S, S) -> (B, N, P P C): patches row by row, their pixels row by row, channels last."""
    rows, columns = images.shape[2] // side, images.shape[3] // side
    x = images.unflatten(3, (columns, side)).unflatten(2, (rows, side))  # (B, C, rows, P, columns, P)
    return x.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)


def unpatchify(patches: Tensor, side: int | tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """The inverse of `patchify`, for a grid of (rows, columns); of patches that are no squares, both sides are given."""
    x = patches.unflatten(2, (*sides(side), -1)).unflatten(1, grid)  # (B, rows, columns, P, P, C)
    return x.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)


def sides(side: int | tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a patch."""
    return (side, side) if isinstance(side, int) else side


def moments(patches: Tensor) -> tuple[Tensor, Tensor]:
    """(..., P P C) -> mean and standard deviation of each patch, each (..., 1), as MAE has them (arXiv 2111.06377)."""
    return patches.mean(-1, keepdim=True), (patches.var(-1, keepdim=True) + 1e-6).sqrt()


def among_hidden(visible: Tensor, hidden: Tensor) -> Tensor:
    """(K, D) -> (U, D): zeros where (U,) bool `hidden` is true, for a network that puts its mask vector there."""
    everywhere = visible.new_zeros(len(hidden), visible.shape[1])
    return torch.masked_scatter(everywhere, ~hidden[:, None], visible)
