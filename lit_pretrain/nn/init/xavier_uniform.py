"""Initialisation of MAE (arXiv 2111.06377)."""

import torch
from torch import nn

from lit_pretrain.nn.init.base import Init


class XavierUniform(Init):
    """Matrices uniform with variance 2 / (inputs + outputs) (Glorot and Bengio, 2010), patch convolutions as the matrices
    that they are, tables ~ N(0, 0.02²), biases 0. In narrow networks it is much larger than N(0, 0.02²).

    MAE's published code draws queries, keys and values of a block as one matrix of 3 D outputs, so that they start smaller
    there, by the square root of 2.
    """

    @torch.no_grad()
    def apply_to(self, encoder: nn.Module) -> None:
        for module in encoder.modules():
            if isinstance(module, nn.Embedding):
                module.weight.normal_(0.0, 0.02)
            elif isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
                start(module)


@torch.no_grad()
def start(*layers: nn.Linear | nn.modules.conv._ConvNd) -> None:
    """The same for single layers, such as an objective's own."""
    for layer in layers:
        nn.init.xavier_uniform_(layer.weight.flatten(1))
        if layer.bias is not None:
            layer.bias.zero_()
