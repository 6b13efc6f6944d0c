"""The attention mixers: what a unit may see, and the slots inside."""

import pytest
import torch
from torch import Tensor

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.attention import Attention, CausalAttention, CrossAttention, PrefixAttention
from lit_pretrain.nn.mixer.cache import KeyValueCache
from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.position.alibi import ALiBi
from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.position.rotary import Rotary
from lit_pretrain.nn.position.t5_relative import T5Relative
from lit_pretrain.types import Layout

POSITIONS = [Position(), Rotary(4), ALiBi(2), T5Relative(2, 8, 16)]


def seen(mixer: Attention, layout: Layout) -> Tensor:
    """(U, U) bool: does a change of unit j change unit i?"""
    x = torch.randn(layout.num_units, 8)
    y, rows = mixer(x, Context(layout, Position())), []
    for j in range(len(x)):
        other = x.clone()
        other[j] += 1
        rows.append((mixer(other, Context(layout, Position())) != y).any(1))
    return torch.stack(rows, 1)


@torch.no_grad()
@pytest.mark.parametrize("prefix", [None, (2, 0)])
def test_who_sees_whom(prefix: tuple[int, ...] | None) -> None:
    kinds = [PrefixAttention] if prefix else [Attention, CausalAttention]
    for kind in kinds:
        layout = Layout((4, 3), prefix=prefix)
        expected = torch.block_diag(torch.ones(4, 4), torch.ones(3, 3)).bool()
        if kind is not Attention:
            expected = expected.tril()
        if prefix:
            expected[:4, :2] = True  # every unit of the first example sees its prefix
        assert torch.equal(seen(kind(8, 2), layout), expected)


@torch.no_grad()
@pytest.mark.parametrize("position", POSITIONS, ids=lambda p: type(p).__name__)
def test_units_left_out_leave_the_others_where_they_stand(position: Position) -> None:
    """Keys that are left out have no weight; all else is as in the whole example."""
    mixer, x, layout = Attention(8, 2), torch.randn(7, 8), Layout((4, 3))
    keep = torch.tensor([True, False, True, True, False, True, True])
    kept = mixer(x[keep], Context(layout.keep(keep), position))
    shifted = Layout((4, 3), positions=layout.position)  # the same positions, given explicitly
    for b, (units, stay) in enumerate(zip(x.split((4, 3)), keep.split((4, 3)), strict=True)):
        bias = position.bias(torch.arange(len(units)), torch.arange(len(units)), False)
        q, k = (position.rotate(mixer._heads(f(units)), Layout((len(units),))) for f in (mixer.query, mixer.key))
        scores = torch.einsum("qhe,khe->hqk", q, k) * 4**-0.5 + (0 if bias is None else bias)
        weights = scores.masked_fill(~stay, -torch.inf).softmax(-1)
        y = mixer.out(torch.einsum("hqk,khe->qhe", weights, mixer._heads(mixer.value(units))).flatten(1))
        torch.testing.assert_close(kept.split(layout.keep(keep).lengths)[b], y[stay])
    torch.testing.assert_close(mixer(x, Context(shifted, position)), mixer(x, Context(layout, position)))


@pytest.mark.parametrize("position", [ALiBi(1), T5Relative(4)], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("whole", [False, True])
def test_biases_must_have_a_row_for_each_head(position: Position, whole: bool) -> None:
    layout = Layout((3,)) if whole else Layout((4,)).keep(torch.tensor([True, False, True, True]))
    with pytest.raises(ValueError, match="reached attention with 2 heads"):
        Attention(8, 2)(torch.randn(3, 8), Context(layout, position))


def test_norms_inside_attention() -> None:
    """Scaling the three projections changes nothing but the last one's bias; every norm is trained, in cross too."""
    layout = Layout((3, 2))
    for mixer in (Attention(8, 2, bias=False, qkv_norm=RMSNorm(4)), CrossAttention(8, 2, bias=False, qkv_norm=RMSNorm(4))):
        x, source = torch.randn(5, 8), torch.randn(4, 8)
        context = Context(layout, Position(), source, Layout((1, 3)))
        y = mixer(x, context)
        y.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in mixer.parameters())
        with torch.no_grad():
            for projection in (mixer.query, mixer.key, mixer.value):
                projection.weight.mul_(7.0)
            torch.testing.assert_close(mixer(x, context), y, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_cross_attention_sees_its_own_source_only() -> None:
    mixer, x, source = CrossAttention(8, 2), torch.randn(5, 8), torch.randn(6, 8)
    layout, source_layout = Layout((3, 2)), Layout((2, 4))
    y = mixer(x, Context(layout, Rotary(4), source, source_layout))
    other = source.clone()
    other[2:] += 1
    z = mixer(x, Context(layout, Rotary(4), other, source_layout))
    assert torch.equal(y[:3], z[:3]) and not torch.isclose(y[3:], z[3:]).all(1).any()
    with pytest.raises(ValueError, match="needs a source"):
        mixer(x, Context(layout, Position()))


@torch.no_grad()
@pytest.mark.parametrize("position", POSITIONS, ids=lambda p: type(p).__name__)
def test_a_cached_pass_in_pieces_equals_a_whole_one(position: Position) -> None:
    mixer, parts = CausalAttention(8, 2), (torch.randn(4, 8), torch.randn(3, 8))
    whole = mixer(torch.cat(parts), Context(Layout((4, 3)), position))
    cache, pieces = KeyValueCache(), []
    for lengths in ((2, 1), (0, 2), (2, 0)):
        before = cache.lengths or (0, 0)
        layout = cache.positions(Layout(lengths))
        x = torch.cat([part[n : n + m] for part, n, m in zip(parts, before, lengths, strict=True)])
        pieces.append(mixer(x, Context(layout, position, cache=cache)).split(lengths))
    joined = torch.cat([torch.cat(example) for example in zip(*pieces, strict=True)])
    torch.testing.assert_close(joined, whole)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="dim=9"):
        Attention(9, 2)
    with pytest.raises(ValueError, match="prefix"):
        PrefixAttention(8, 2)(torch.randn(3, 8), Context(Layout((3,)), Position()))
