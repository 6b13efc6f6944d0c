"""Pooling of visible positions (SparK, arXiv 2301.03580)."""

import torch
from timm.layers import AvgPool2dSame
from timm.layers.adaptive_avgmax_pool import FastAdaptiveAvgPool
from torch import Tensor, nn

from lit_pretrain.nn.sparse.visible import Sparse


class SparseMaxPool2d(Sparse, nn.MaxPool2d):
    """The largest of the visible values: a hidden zero does not outdo a negative one."""

    def forward(self, x: Tensor) -> Tensor:
        if self.visible.cells is None:
            return super().forward(x)
        return super().forward(x.masked_fill(~self.visible.at(*x.shape[2:]), -torch.inf))


class SparseAvgPool2d(Sparse, nn.AvgPool2d):
    """The mean of the visible values in each window."""

    def forward(self, x: Tensor) -> Tensor:
        if self.visible.cells is None:
            return super().forward(x)
        seen, dense = self.visible.at(*x.shape[2:]).float(), super(Sparse, self).forward
        share = dense(seen) / dense(torch.ones_like(seen))  # of what the dense layer averages
        return self.visible.hide((dense(x) / share.clamp(min=1e-6)).to(x.dtype))


class SparseAvgPool2dSame(SparseAvgPool2d, AvgPool2dSame):
    """With TensorFlow's padding."""


class SparseAdaptiveAvgPool2d(Sparse, nn.AdaptiveAvgPool2d):
    """The mean of all visible positions; one vector an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super(Sparse, self).forward(_raise_to_visible(self, x))


class SparseFastAdaptiveAvgPool(Sparse, FastAdaptiveAvgPool):
    """timm's way to write the same."""

    def forward(self, x: Tensor) -> Tensor:
        return super(Sparse, self).forward(_raise_to_visible(self, x))


def _raise_to_visible(layer: Sparse, x: Tensor) -> Tensor:
    """So scaled that the mean over all positions is that over the visible ones."""
    if layer.visible.cells is None:
        return x
    share = layer.visible.cells.float().mean((1, 2))[:, None, None, None]
    return (x / share.clamp(min=1e-6)).to(x.dtype)
