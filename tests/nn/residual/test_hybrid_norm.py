"""HybridNorm: the paper's equations, for both of its forms."""

import torch

from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.residual.hybrid_norm import HybridNorm, HybridNormStar
from lit_pretrain.nn.residual.pre_norm import PreNorm


def test_the_equations() -> None:
    x = torch.randn(3, 4)
    for layout in (HybridNorm(RMSNorm(4)).at(0, 3, 2), HybridNormStar(RMSNorm(4)).at(1, 3, 2)):
        assert len(layout.norms) == 1, "a norm that is not used would get no gradient"
        y = x + x.sin()
        z = layout.norms[0](y)
        torch.testing.assert_close(layout(x, [torch.sin, torch.cos]), z + z.cos())


def test_cross_attention_is_a_mixer_too() -> None:
    layout, x = HybridNorm(RMSNorm(4)).at(1, 2, 3), torch.randn(3, 4)
    y = x + x.sin()
    z = layout.norms[0](y + y.tanh())
    torch.testing.assert_close(layout(x, [torch.sin, torch.tanh, torch.cos]), z + z.cos())


def test_the_first_block_of_the_star_is_pre_norm() -> None:
    first = HybridNormStar(RMSNorm(4), 0.2).at(0, 3, 2)
    assert type(first) is PreNorm and len(first.norms) == 2 and first.dropout.p == 0.2
