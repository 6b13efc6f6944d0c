"""Convolutions of visible positions (SparK, arXiv 2301.03580).

A convolution adds up what it finds, so zeros at hidden positions are as good as nothing there; the output is computed
densely, and what no visible position stands behind is emptied again.
"""

from timm.layers import StdConv2d
from torch import nn

from lit_pretrain.nn.sparse.visible import Sparse


class SparseConv2d(Sparse, nn.Conv2d):
    """See `Sparse`."""


class SparseStdConv2d(Sparse, StdConv2d):
    """With standardised weights (BiT)."""


class SparseLinear(Sparse, nn.Linear):
    """A 1 x 1 convolution of maps (B, h, w, D), as ConvNeXt writes it."""

    channels_last = True
