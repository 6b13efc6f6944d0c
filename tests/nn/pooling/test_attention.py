"""Attention pooling: the softmax of each example by itself."""

import torch

from lit_pretrain.nn.pooling.attention import AttentionPooling
from lit_pretrain.types import Layout


def test_equals_a_softmax_over_each_example() -> None:
    pooling, lengths = AttentionPooling(8, 2), (3, 1, 5)
    units = 5 * torch.randn(9, 8)
    pooled = pooling(units, Layout(lengths))
    for x, own in zip(units.split(lengths), pooled, strict=True):
        key, value = pooling.key(x).unflatten(1, (2, 4)), pooling.value(x).unflatten(1, (2, 4))
        weights = (torch.einsum("uhe,he->uh", key, pooling.query) / 2).softmax(0)
        torch.testing.assert_close(own, pooling.out(torch.einsum("uh,uhe->he", weights, value).flatten()))
