"""ALiBi: slopes of transformers' Bloom, and the two forms of the bias."""

import pytest
import torch
from transformers.models.bloom.modeling_bloom import build_alibi_tensor

from lit_pretrain.nn.position.alibi import ALiBi, slopes


@pytest.mark.parametrize("num_heads", [1, 2, 3, 6, 8, 12, 16, 20])
def test_slopes_equal_those_of_transformers(num_heads: int) -> None:
    theirs = build_alibi_tensor(torch.ones(1, 2), num_heads, torch.float32)[:, 0, 1]  # slope * position 1
    torch.testing.assert_close(torch.tensor(slopes(num_heads)), theirs)


@pytest.mark.parametrize("causal", [False, True])
def test_the_bias_falls_with_the_distance(causal: bool) -> None:
    position = torch.tensor([0, 1, 4, 9])
    bias = ALiBi(2).bias(position, position, causal)
    for h, slope in enumerate((2**-4, 2**-8)):
        for i in range(4):
            for j in range(4):
                if not causal or j <= i:  # what lies ahead is masked
                    assert bias[h, i, j] == -slope * abs(int(position[i] - position[j]))


def test_causal_attention_equals_blooms() -> None:
    """Bloom adds slope * key position; the two differ by a constant for each query, which the softmax removes."""
    position, scores = torch.arange(6), torch.randn(3, 6, 6)
    theirs = build_alibi_tensor(torch.ones(1, 6), 3, torch.float32)
    ahead = torch.ones(6, 6, dtype=torch.bool).triu(1)
    a, b = (
        (scores + x).masked_fill(ahead, -torch.inf).softmax(-1) for x in (theirs, ALiBi(3).bias(position, position, True))
    )
    torch.testing.assert_close(a, b)


def test_no_heads() -> None:
    with pytest.raises(ValueError, match="num_heads=0"):
        ALiBi(0)
