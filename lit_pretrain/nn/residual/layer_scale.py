"""LayerScale (CaiT, arXiv 2103.17239): each block begins close to the identity."""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.nn.residual.base import Residual, SubLayer


class LayerScale(Residual):
    """x <- x + scale * dropout(f(norm(x))) for each sub-layer f, with a learned scale for each of the D channels.

    Pre-LN otherwise, so the stack needs a norm after its last block.

    Args:
        norm: prototype, copied for each sub-layer.
        dim: D.
        initial: where scales start; 0.1 in BEiT-base and 1e-5 in BEiT-large (arXiv 2106.08254).
        dropout: of each sub-layer's output.
    """

    def __init__(self, norm: Norm, dim: int, initial: float = 0.1, dropout: float = 0.0):
        super().__init__(norm, dropout)
        self.dim, self.initial = dim, initial

    def at(self, layer: int, num_layers: int, num_sublayers: int) -> Residual:
        own = super().at(layer, num_layers, num_sublayers)
        own.scales = nn.ParameterList(torch.full((self.dim,), self.initial) for _ in range(num_sublayers))
        return own

    def forward(self, x: Tensor, sublayers: list[SubLayer]) -> Tensor:
        for norm, scale, sublayer in zip(self.norms, self.scales, sublayers, strict=True):
            x = x + scale.to(x.dtype) * self.dropout(sublayer(norm(x)))
        return x
