"""PatchDiscriminator: one score a patch, of what lies in it alone."""

import pytest
import torch

from lit_pretrain.nn.discriminator.patch import PatchDiscriminator


@pytest.mark.parametrize(("num_layers", "field", "scores"), [(3, 70, 14), (2, 34, 30), (1, 16, 62)])
def test_a_score_looks_at_a_patch(num_layers: int, field: int, scores: int) -> None:
    torch.manual_seed(0)
    judge = PatchDiscriminator(1, 4, num_layers).eval()
    image = torch.randn(1, 1, 128, 128, requires_grad=True)
    score = judge(image)
    assert score.shape == (1, 1, scores, scores)
    score[0, 0, scores // 2, scores // 2].backward()
    rows = image.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == field


def test_small_images_are_named() -> None:
    with pytest.raises(ValueError, match="at least 24"):
        PatchDiscriminator(1, 4)(torch.zeros(1, 1, 16, 16))
