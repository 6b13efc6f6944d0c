"""T5's buckets, against transformers'."""

import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from lit_pretrain.nn.position.t5_relative import T5Relative


@pytest.mark.parametrize("causal", [False, True])
def test_buckets_equal_those_of_transformers(causal: bool) -> None:
    position, at = T5Relative(3, num_buckets=32, max_distance=128), torch.arange(300)
    theirs = T5Attention._relative_position_bucket(at[None] - at[:, None], not causal, 32, 128)
    assert torch.equal(position.bias(at, at, causal), position.table(theirs).permute(2, 0, 1))


def test_only_distances_count() -> None:
    position, at = T5Relative(2), torch.arange(9)
    assert torch.equal(position.bias(at, at, False), position.bias(at + 50, at + 50, False))
