"""Mixers side by side, against the formulas."""

import torch

from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.residual.branches import Branches


def test_norms_behind_and_in_front():
    f, g, h = (torch.nn.Linear(4, 4) for _ in range(3))
    x = torch.randn(5, 4)
    for first in (False, True):
        residual = Branches(LayerNorm(4), norm_first=first).at(0, 1, num_sublayers=3)
        for norm in residual.norms:
            torch.nn.init.normal_(norm.weight)
        a, b, c = residual.norms
        if first:
            y = x + f(a(x)) + g(b(x))
            expected = y + h(c(y))
        else:
            y = a(x + f(x)) + b(x + g(x))
            expected = c(y + h(y))
        torch.testing.assert_close(residual(x, [f, g, h]), expected)
