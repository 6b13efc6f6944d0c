"""Random images in two views, and a tiny ViT."""

import pytest
import torch

from lit_pretrain.encoders.vit import ViT
from lit_pretrain.types import ImageBatch


@pytest.fixture
def encoder() -> ViT:
    torch.manual_seed(0)
    return ViT(8, 4, 1, 16, 2, 2)


@pytest.fixture
def views() -> ImageBatch:
    first, second = torch.randn(2, 6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return ImageBatch(first, (second,))
