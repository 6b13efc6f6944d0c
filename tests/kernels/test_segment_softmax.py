"""Softmax over the edges of each node against a dense, masked one, in value and gradient."""

import torch

from lit_pretrain.kernels.segment_softmax import segment_softmax, segment_sum
from lit_pretrain.types import Edges


def some(seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    dense = torch.rand(7, 7, generator=generator) < 0.4
    dense[3] = False  # a node that receives nothing
    edges, _ = Edges.of(dense.nonzero().T.flip(0), 7)
    return dense, edges, torch.randn(len(edges), 2, generator=generator) * 30


def attend(scores, values, edges):
    return segment_sum(segment_softmax(scores, edges)[..., None] * values[edges.sources], edges)


def attend_densely(scores, values, edges, dense):
    full = scores.new_full((7, 7, 2), -torch.inf).index_put((edges.targets, edges.sources), scores)
    shares = full.softmax(1).masked_fill(~dense[..., None], 0.0)
    return torch.einsum("ijh,jhe->ihe", shares, values)


def test_equals_dense_in_value_and_gradient():
    dense, edges, scores = some()
    values = torch.randn(7, 2, 3)
    found, expected = [], []
    for attention, out in ((attend, found), (lambda *a: attend_densely(*a, dense), expected)):
        s, v = scores.clone().requires_grad_(), values.clone().requires_grad_()
        y = attention(s, v, edges)
        (y * torch.arange(42).view_as(y)).sum().backward()
        out += [y.detach(), s.grad, v.grad]
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, torch.nan_to_num(two), rtol=1e-4, atol=1e-4)


def test_shares_add_up_in_fp32_and_scores_may_be_large():
    _, edges, scores = some(1)
    shares = segment_softmax((scores * 1e4).bfloat16(), edges)
    assert shares.dtype == torch.float32 and torch.isfinite(shares).all()
    torch.testing.assert_close(segment_sum(shares, edges), (edges.degrees > 0).float()[:, None].expand(-1, 2))
