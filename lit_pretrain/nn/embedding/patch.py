"""Patches of an image as units (ViT, arXiv 2010.11929).

Legend: B images, C channels, P side of a patch, N patches of an image, S side of an image.
"""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.embedding.base import Embedding
from lit_pretrain.types import ImageBatch, Layout


class PatchEmbedding(Embedding):
    """A linear map of each P x P patch, row by row, after the learned vector [CLS]: (B, C, S, S) -> (B * (N + 1), D).

    Args:
        image_size: S, the side of the images that positions are made for; those that come may be of another size.
        patch_size: P, which divides their sides.
        channels: C.
        dim: D.
        class_token: put [CLS] before the patches.
    """

    def __init__(self, image_size: int, patch_size: int, channels: int, dim: int, class_token: bool = True):
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"image_size={image_size} is not a multiple of patch_size={patch_size}")
        self.dim, self.patch_size = dim, patch_size
        self.grid = (image_size // patch_size,) * 2
        self.num_units = self.grid[0] * self.grid[1] + class_token
        self.patch = nn.Conv2d(channels, dim, patch_size, stride=patch_size)
        self.cls = nn.Parameter(torch.empty(dim).normal_(std=0.02)) if class_token else None

    def layout(self, inputs: ImageBatch) -> Layout:
        count, channels, *sides = inputs.images.shape
        if channels != self.patch.in_channels or any(side % self.patch_size for side in sides):
            raise ValueError(f"images of shape {tuple(inputs.images.shape[1:])} reached an encoder of"
                             f" {self.patch.in_channels} channels and patches of side {self.patch_size}: their sides must"
                             " be multiples of it")  # fmt: skip
        rows, columns = (side // self.patch_size for side in sides)
        leading = int(self.cls is not None)
        return Layout((rows * columns + leading,) * count, inputs.images.device, grid=(rows, columns), leading=leading)

    def forward(self, inputs: ImageBatch) -> tuple[Tensor, Layout]:
        layout = self.layout(inputs)
        x = self.patch(inputs.images).flatten(2).transpose(1, 2)  # (B, C, S, S) -> (B, N, D)
        if self.cls is not None:
            x = torch.cat([self.cls.to(x.dtype).expand(len(x), 1, -1), x], 1)
        return x.flatten(0, 1), layout
