"""Initialisation that bounds gradient norms (Spike No More, arXiv 2312.16903). Legend: D width, N blocks."""

import math

import torch
from torch import nn

from lit_pretrain.nn.feedforward.grouped import GroupedLinear
from lit_pretrain.nn.init.base import Init


class SpikeNoMore(Init):
    """Small sub-layers beside a large shortcut: matrices ~ N(0, 2 / (5 D)), those that write into the residual stream
    divided by sqrt(2 N), and embeddings of unit size.

    The second half of the method is the embedding's: `TokenEmbedding(scale=sqrt(D))` (scaled embedding), or a norm after
    it (embedding LN).
    """

    @torch.no_grad()
    def apply_to(self, encoder: nn.Module) -> None:
        std = math.sqrt(2 / (5 * encoder.dim))
        for module in encoder.modules():
            if isinstance(module, (nn.Linear, nn.Embedding, nn.modules.conv._ConvNd, GroupedLinear)):
                module.weight.normal_(0.0, std)
                if getattr(module, "bias", None) is not None:
                    module.bias.zero_()
        for name, module in encoder.blocks.named_modules():
            if isinstance(module, (nn.Linear, GroupedLinear)) and name.endswith(".out"):
                module.weight.div_(math.sqrt(2 * encoder.num_layers))
