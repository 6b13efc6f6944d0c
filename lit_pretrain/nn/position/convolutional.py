"""Positions by a wide convolution (wav2vec 2.0, arXiv 2006.11477). Legend: U units, D width, K width of the kernel."""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.spacing import spaced
from lit_pretrain.types import Layout


class Convolutional(Position):
    """Adds GELU(convolution) of the K units around each unit, K / 2 of them before it; zeros stand beyond the ends of an
    example. The weights are normed for each place in the kernel.

    Args:
        dim: D.
        kernel_size: K.
        groups: of the convolution; they divide D.
    """

    def __init__(self, dim: int, kernel_size: int = 128, groups: int = 16):
        super().__init__()
        if dim % groups:
            raise ValueError(f"dim={dim} is not a multiple of groups={groups}")
        convolution = nn.Conv1d(dim, dim, kernel_size, groups=groups)
        nn.init.normal_(convolution.weight, std=2 * (kernel_size * dim) ** -0.5)
        nn.init.zeros_(convolution.bias)
        self.convolution, self.kernel_size = weight_norm(convolution, dim=2), kernel_size

    def embed(self, x: Tensor, layout: Layout) -> Tensor:
        """
        Raises:
            ValueError: units were left out, so that neighbours of others are missing.
        """
        if not layout.contiguous:
            raise ValueError("convolutional positions need each unit's neighbours: they serve no units some of which were"
                             " left out before, and no generation unit by unit")  # fmt: skip
        gap = self.kernel_size // 2
        rows, place = spaced(x, layout, gap)
        around = self.convolution(rows)[0].T[place - gap]  # row r looks at rows r to r + K - 1
        return x + F.gelu(around)
