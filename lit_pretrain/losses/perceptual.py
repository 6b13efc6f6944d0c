"""Distances of images in a network's eyes (LPIPS, arXiv 1801.03924). Legend: B images, U units of a layer, D width."""

from collections.abc import Sequence
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.part import Part
from lit_pretrain.types import Encoder, ImageBatch


class Perceptual(Part):
    """Sum over layers of the mean over units of |a / |a| - b / |b||^2, of a frozen encoder of images.

    LPIPS without its learned weights of channels, on any encoder: one of an own run (`FromCheckpoint`) needs no download.

    Args:
        encoder: is frozen.
        layers: names of its layers; None: all of them.
    """

    def __init__(self, encoder: Encoder, layers: Sequence[str] | None = None):
        super().__init__()
        self.encoder, self.layers = encoder.requires_grad_(False).eval(), layers

    def train(self, mode: bool = True) -> Self:
        return super().train(False)

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """(B,), with gradients for `images` alone."""
        with torch.no_grad():
            theirs = self.encoder(ImageBatch(targets), layers=True).layers
        ours = self.encoder(ImageBatch(images), layers=True).layers
        total = 0.0
        for name in self.layers or ours:
            a, b = (F.normalize(x[name].float(), dim=1) for x in (ours, theirs))  # (U, D), in fp32
            total = total + (a - b).square().sum(1).unflatten(0, (len(images), -1)).mean(1)
        return total
