"""Normal initialisation, as in BERT and GPT-2."""

import torch
from torch import nn

from lit_pretrain.nn.init.base import Init


class Normal(Init):
    """Matrices, convolutions and tables ~ N(0, std²); biases 0. Norms keep their 1 and 0.

    Args:
        std: 0.02 in BERT (arXiv 1810.04805).
    """

    def __init__(self, std: float = 0.02):
        super().__init__()
        self.std = std

    @torch.no_grad()
    def apply_to(self, encoder: nn.Module) -> None:
        for module in encoder.modules():
            if isinstance(module, (nn.Linear, nn.Embedding, nn.modules.conv._ConvNd)):
                module.weight.normal_(0.0, self.std)
                if getattr(module, "bias", None) is not None:
                    module.bias.zero_()
