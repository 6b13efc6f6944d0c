"""Layer normalisation (arXiv 1607.06450)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.nn.norm.base import Norm


class LayerNorm(Norm):
    """(x - mean) / sqrt(var + eps) * weight + bias over the last axis, computed in fp32.

    Args:
        dim: D.
        eps: 1e-12 in BERT, 1e-5 in GPT-2.
        bias: add a learned bias.
    """

    def __init__(self, dim: int, eps: float = 1e-5, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim)) if bias else None
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.float()
        return F.layer_norm(x.float(), self.weight.shape, self.weight.float(), bias, self.eps).to(x.dtype)
