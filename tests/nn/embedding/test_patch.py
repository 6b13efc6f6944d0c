"""Patches in row order, after [CLS]."""

import pytest
import torch

from lit_pretrain.nn.embedding.patch import PatchEmbedding
from lit_pretrain.types import ImageBatch


@torch.no_grad()
def test_units_are_the_patches_row_by_row() -> None:
    embedding, images = PatchEmbedding(6, 2, 3, 5), torch.randn(2, 3, 6, 6)
    units, layout = embedding(ImageBatch(images))
    assert layout.lengths == (10, 10) and units.shape == (20, 5)
    assert torch.equal(units[0], embedding.cls) and torch.equal(units[10], embedding.cls)
    patch = images[1, :, 2:4, 4:6].flatten()  # second row, third column: the sixth patch
    torch.testing.assert_close(units[10 + 6], embedding.patch.weight.flatten(1) @ patch + embedding.patch.bias)
    without, layout = PatchEmbedding(6, 2, 3, 5, class_token=False)(ImageBatch(images))
    assert layout.lengths == (9, 9) and len(without) == 18


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="multiple of patch_size=4"):
        PatchEmbedding(6, 4, 3, 5)
    with pytest.raises(ValueError, match=r"\(1, 6, 6\) reached an encoder of 3 channels"):
        PatchEmbedding(6, 2, 3, 5)(ImageBatch(torch.zeros(2, 1, 6, 6)))
