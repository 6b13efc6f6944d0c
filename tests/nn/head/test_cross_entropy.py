"""The loss that a head gives without logits is that of its logits."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.encoders.modern import ModernTransformer
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.head.cosine import CosineHead
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.nn.head.normed_linear import NormedLinearHead
from lit_pretrain.nn.head.tied import TiedHead, TransformHead

D, V, N = 8, 32, 9
HEADS = [LinearHead(D, V), LinearHead(D, V, bias=False), NormedLinearHead(D, V), TiedHead(0.5), TransformHead(D, V),
         CosineHead(D, V, code_dim=4)]  # fmt: skip


@pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)
@pytest.mark.parametrize("autocast", [False, True])
def test_equals_that_of_logits_in_value_and_gradient(head: Head, autocast: bool):
    encoder = ModernTransformer(V, D, 1, 2)
    units, targets, weights = torch.randn(N, D, requires_grad=True), torch.randint(V, (N,)), torch.rand(N)
    parameters = [units, *(p for p in head.parameters())]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = head.cross_entropy(units, targets, encoder, weights=weights)
        expected = (weights * F.cross_entropy(head(units, encoder).float(), targets, reduction="none")).sum()
    tolerance = {"rtol": 0.05, "atol": 0.05} if autocast else {}
    torch.testing.assert_close(found, expected, **tolerance)
    gradients = (torch.autograd.grad(loss, parameters) for loss in (found, expected))
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, **tolerance)


def test_a_tied_head_teaches_the_table():
    encoder, units, targets = ModernTransformer(V, D, 1, 2), torch.randn(N, D), torch.randint(V, (N,))
    head = TiedHead()
    losses = head.cross_entropy(units, targets, encoder), F.cross_entropy(head(units, encoder), targets, reduction="sum")
    one, two = (torch.autograd.grad(loss, encoder.token_table())[0] for loss in losses)
    torch.testing.assert_close(one, two)
