"""The loss that a head gives without logits is that of its logits."""

from collections.abc import Callable

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
HEADS: dict[str, Callable[[], Head]] = {
    "linear": lambda: LinearHead(D, V),
    "without bias": lambda: LinearHead(D, V, bias=False),
    "normed": lambda: NormedLinearHead(D, V),
    "tied": lambda: TiedHead(0.5),
    "transform": lambda: TransformHead(D, V),
    "cosine": lambda: CosineHead(D, V, code_dim=4),
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("autocast", [False, True])
def test_equals_that_of_logits_in_value_and_gradient(name: str, autocast: bool):
    head, encoder = HEADS[name](), ModernTransformer(V, D, 1, 2)
    units, targets, weights = torch.randn(N, D, requires_grad=True), torch.randint(V, (N,)), torch.rand(N)
    parameters = [units, *(p for p in head.parameters())]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        found = head.cross_entropy(units, targets, encoder, weights=weights)
        expected = (weights * F.cross_entropy(head(units, encoder).float(), targets, reduction="none")).sum()
    gradients = (torch.autograd.grad(loss, parameters) for loss in (found, expected))
    for one, two in [(found, expected), *zip(*gradients, strict=True)]:
        if autocast:  # bf16 rounds each number to 0.4 %
            assert (one - two).norm() <= 0.06 * two.norm()
        else:
            torch.testing.assert_close(one, two)


def test_a_tied_head_teaches_the_table():
    encoder, units, targets = ModernTransformer(V, D, 1, 2), torch.randn(N, D), torch.randint(V, (N,))
    head = TiedHead()
    losses = head.cross_entropy(units, targets, encoder), F.cross_entropy(head(units, encoder), targets, reduction="sum")
    one, two = (torch.autograd.grad(loss, encoder.token_table())[0] for loss in losses)
    torch.testing.assert_close(one, two)
