"""LayerScale: branches begin small, and each has scales of its own."""

import torch

from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.residual.layer_scale import LayerScale
from lit_pretrain.nn.residual.pre_norm import PreNorm


def test_scales_multiply_the_branches_alone() -> None:
    residual = LayerScale(LayerNorm(4), 4, initial=0.5).at(0, 2, 2)
    plain = PreNorm(LayerNorm(4)).at(0, 2, 2)
    x, double = torch.randn(3, 4), lambda y: 2 * y
    torch.testing.assert_close(residual(x, [double, torch.zeros_like]), plain(x, [lambda y: y, torch.zeros_like]))
    with torch.no_grad():
        residual.scales[0].zero_()
    assert torch.equal(residual(x, [double, torch.zeros_like]), x)


def test_every_block_has_its_own() -> None:
    prototype = LayerScale(LayerNorm(4), 4, initial=1e-5)
    first, second = (prototype.at(i, 2, 2) for i in range(2))
    assert len({id(p) for block in (first, second) for p in block.parameters()}) == 12
    assert all((scale == 1e-5).all() for scale in first.scales)
