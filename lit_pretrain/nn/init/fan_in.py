"""Initialisation of T5 (arXiv 1910.10683, as in its Mesh TensorFlow code)."""

import torch
from torch import nn

from lit_pretrain.nn.init.base import Init
from lit_pretrain.nn.mixer.attention import Attention


class FanIn(Init):
    """Matrices ~ N(0, 1 / inputs), tables ~ N(0, 1), biases 0. Where attention does not scale its scores, the queries'
    matrix does: ~ N(0, 1 / (inputs * width of a head)). The table of relative positions ~ N(0, 1 / width of the units).
    """

    @torch.no_grad()
    def apply_to(self, encoder: nn.Module) -> None:
        for module in encoder.modules():
            if isinstance(module, nn.Linear):
                module.weight.normal_(0.0, module.in_features**-0.5)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.Embedding):
                module.weight.normal_(0.0, 1.0)
        for module in encoder.modules():
            if isinstance(module, Attention) and module.scale == 1:
                module.query.weight.mul_(module.head_dim**-0.5)
        for table in encoder.position.parameters():
            table.normal_(0.0, encoder.dim**-0.5)
