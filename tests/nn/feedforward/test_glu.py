"""Gated networks: the formulas of arXiv 2002.05202."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.nn.feedforward.glu import GLU


@pytest.mark.parametrize(("activation", "function"), [("gelu", F.gelu), ("relu", F.relu), ("silu", F.silu)])
@pytest.mark.parametrize("bias", [False, True])
def test_the_formula(activation: str, function, bias: bool) -> None:
    glu, x = GLU(4, 6, activation, bias), torch.randn(3, 4)
    expected = glu.out(function(glu.gate(x)) * glu.input(x))
    torch.testing.assert_close(glu(x), expected)
    assert sum(p.numel() for p in glu.parameters()) == 3 * 24 + bias * 16


def test_costs_what_an_mlp_costs() -> None:
    assert abs(sum(p.numel() for p in GLU(48, bias=False).parameters()) / (2 * 48 * 4 * 48) - 1) < 0.02


def test_dropout_only_in_training() -> None:
    glu, x = GLU(4, 64, dropout=0.5), torch.randn(3, 4)
    assert not torch.equal(glu(x), glu(x))
    glu.eval()
    assert torch.equal(glu(x), glu(x))
