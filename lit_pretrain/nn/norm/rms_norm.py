"""Root-mean-square normalisation (arXiv 1910.07467)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.nn.norm.base import Norm


class RMSNorm(Norm):
    """x / sqrt(mean(x²) + eps) * weight over the last axis, computed in fp32.

    Args:
        dim: D.
        eps: 1e-6 in T5.
    """

    def __init__(self, dim: int, eps: float = 1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), self.weight.shape, self.weight.float(), self.eps).to(x.dtype)
