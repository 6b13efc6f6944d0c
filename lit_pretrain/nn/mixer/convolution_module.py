"""The convolution of Conformer (arXiv 2005.08100). Legend: U units, D width, K width of the kernel."""

import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.base import Mixer
from lit_pretrain.nn.spacing import spaced


class ConvolutionModule(Mixer):
    """out(SiLU(batch norm(depthwise convolution(gated linear unit(x))))); zeros stand beyond the ends of an example.

    The statistics of the batch norm are those of the units alone, since no padding is stored.

    Args:
        dim: D.
        kernel_size: K, odd; 32 in the paper, 31 in most code.
        bias: of the linear maps and the convolution.
    """

    def __init__(self, dim: int, kernel_size: int = 31, bias: bool = True):
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size={kernel_size} must be odd, so that a unit stands in the middle of its window")
        self.input, self.out = nn.Linear(dim, 2 * dim, bias=bias), nn.Linear(dim, dim, bias=bias)
        self.depthwise = nn.Conv1d(dim, dim, kernel_size, groups=dim, bias=bias)
        self.norm, self.kernel_size = nn.BatchNorm1d(dim), kernel_size

    def forward(self, x: Tensor, context: Context) -> Tensor:
        layout = context.layout
        if not layout.contiguous or context.cache is not None:
            raise ValueError("ConvolutionModule needs each unit's neighbours: it serves no objective that leaves units out"
                             " (keep) and no generation unit by unit")  # fmt: skip
        gap = self.kernel_size // 2
        rows, place = spaced(F.glu(self.input(x)), layout, gap)
        mixed = self.depthwise(rows)[0].T[place - gap]  # row r looks at rows r to r + K - 1
        return self.out(F.silu(self.norm(mixed)))
