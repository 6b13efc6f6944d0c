"""Initialisation of networks that begin with a stack of convolutions without norms, as wav2vec 2.0."""

import torch
from torch import nn

from lit_pretrain.nn.init.normal import Normal


class HeConvolutions(Normal):
    """Convolutions ~ N(0, 2 / inputs of an output), which keeps the scale of a signal through all layers (He et al., arXiv
    1502.01852); the rest as `Normal`. Convolutions whose weights are normed keep what their part gave them.

    Args:
        std: of matrices and tables.
    """

    @torch.no_grad()
    def apply_to(self, encoder: nn.Module) -> None:
        super().apply_to(encoder)
        for module in encoder.modules():
            if isinstance(module, nn.modules.conv._ConvNd) and not nn.utils.parametrize.is_parametrized(module):
                nn.init.kaiming_normal_(module.weight)
