"""Parallel sub-layers: the formula, with one norm."""

import torch

from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.residual.parallel import Parallel


def test_the_formula() -> None:
    layout, x = Parallel(LayerNorm(4)).at(0, 2, 3), torch.randn(3, 4)
    z = layout.norms[0](x)
    assert len(layout.norms) == 1
    torch.testing.assert_close(layout(x, [torch.sin, torch.cos, torch.tanh]), x + z.sin() + z.cos() + z.tanh())
