"""Patches of an image as units (ViT, arXiv 2010.11929). Legend: B images, C channels, P side of a patch, N patches."""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.embedding.base import Embedding
from lit_pretrain.types import ImageBatch, Layout


class PatchEmbedding(Embedding):
    """A linear map of each P x P patch, row by row, after the learned vector [CLS]: (B, C, S, S) -> (B * (N + 1), D).

    Args:
        image_size: S, the side of the image, a multiple of P.
        patch_size: P.
        channels: C.
        dim: D.
        class_token: put [CLS] before the patches.
    """

    def __init__(self, image_size: int, patch_size: int, channels: int, dim: int, class_token: bool = True):
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"image_size={image_size} is not a multiple of patch_size={patch_size}")
        self.dim, self.image_size = dim, image_size
        self.num_units = (image_size // patch_size) ** 2 + class_token
        self.patch = nn.Conv2d(channels, dim, patch_size, stride=patch_size)
        self.cls = nn.Parameter(torch.empty(dim).normal_(std=0.02)) if class_token else None

    def forward(self, inputs: ImageBatch) -> tuple[Tensor, Layout]:
        images, expected = inputs.images, (self.patch.in_channels, self.image_size, self.image_size)
        if images.shape[1:] != expected:
            raise ValueError(f"images of shape {tuple(images.shape[1:])} reached an encoder of {expected} (channels,"
                             " height, width)")  # fmt: skip
        x = self.patch(images).flatten(2).transpose(1, 2)  # (B, C, S, S) -> (B, N, D)
        if self.cls is not None:
            x = torch.cat([self.cls.to(x.dtype).expand(len(x), 1, -1), x], 1)
        return x.flatten(0, 1), Layout((self.num_units,) * len(images), images.device)
