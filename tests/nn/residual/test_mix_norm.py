"""Mix-LN: which blocks are of which kind."""

import pytest
import torch

from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.residual.mix_norm import MixNorm
from lit_pretrain.nn.residual.post_norm import PostNorm
from lit_pretrain.nn.residual.pre_norm import PreNorm


@pytest.mark.parametrize(("share", "num_layers", "post"), [(0.25, 12, 3), (0.25, 6, 1), (0.5, 4, 2), (0, 4, 0), (1, 4, 4)])
def test_post_below_pre_above(share: float, num_layers: int, post: int) -> None:
    prototype = MixNorm(LayerNorm(4), 0.3, share)
    kinds = [prototype.at(i, num_layers, 2) for i in range(num_layers)]
    assert [type(kind) for kind in kinds] == [PostNorm] * post + [PreNorm] * (num_layers - post)
    assert all(kind.dropout.p == 0.3 and len(kind.norms) == 2 for kind in kinds)
    assert len({id(p) for kind in kinds for p in kind.parameters()}) == num_layers * 4, "no norm is shared"


def test_the_formulas() -> None:
    prototype, x = MixNorm(LayerNorm(4), share=0.5), torch.randn(3, 4)
    post, pre = prototype.at(0, 2, 1), prototype.at(1, 2, 1)
    torch.testing.assert_close(post(x, [torch.sin]), post.norms[0](x + x.sin()))
    torch.testing.assert_close(pre(x, [torch.sin]), x + pre.norms[0](x).sin())


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"share=1.5"):
        MixNorm(LayerNorm(4), share=1.5)
