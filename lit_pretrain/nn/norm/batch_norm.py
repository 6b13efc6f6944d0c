"""Batch normalisation (arXiv 1502.03167)."""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.norm.base import Norm


class BatchNorm(Norm):
    """(U, D): each channel over all units of the batch, in fp32; no padding is stored that could enter the statistics.

    In evaluation, running statistics take the place of the batch's.

    Args:
        dim: D.
        eps: added to the variance.
        momentum: share of a new batch in the running statistics.
    """

    def __init__(self, dim: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        self.norm = nn.BatchNorm1d(dim, eps, momentum)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.norm(x.float()).to(x.dtype)
