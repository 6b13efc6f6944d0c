"""ContextAttention: what is outside of the context reaches no other unit."""

import pytest
import torch

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.units import Units
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.mixer.context_attention import ContextAttention, only_keys
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.position.alibi import ALiBi
from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.position.rotary import Rotary
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.types import ImageBatch, Layout, UnitBatch

CHOSEN = torch.tensor([True, False, True, False, False, True, True])
LAYOUT = Layout((4, 3))


def encoder(mixer: Attention, position: Position | None = None) -> Transformer:
    torch.manual_seed(0)
    return Transformer(Units(8), Block(mixer, MLP(8, 16), PreNorm(LayerNorm(8))), Plain(2), position).eval()


@torch.no_grad()
def test_units_outside_of_the_context_reach_themselves_alone() -> None:
    stack, x = encoder(ContextAttention(8, 2)), torch.randn(7, 8)
    with only_keys(stack, LAYOUT, CHOSEN):
        y = stack(UnitBatch(x, LAYOUT)).units
        for j in range(7):
            other = x.clone()
            other[j, 0] += 3  # a norm would take away what is added to all
            changed = (stack(UnitBatch(other, LAYOUT)).units != y).any(1)
            same_example = LAYOUT.example == LAYOUT.example[j]
            assert torch.equal(changed, same_example if CHOSEN[j] else torch.arange(7) == j)


@torch.no_grad()
@pytest.mark.parametrize("position", [Position(), Rotary(4), ALiBi(2)], ids=lambda p: type(p).__name__)
def test_it_is_attention_with_masked_scores(position: Position) -> None:
    mixer, x = ContextAttention(8, 2), torch.randn(7, 8)
    mixer._subset = CHOSEN, LAYOUT.keep(CHOSEN)
    y = mixer(x, Context(LAYOUT, position)).split((4, 3))
    for b, (units, seen) in enumerate(zip(x.split((4, 3)), CHOSEN.split((4, 3)), strict=True)):
        bias = position.bias(torch.arange(len(units)), torch.arange(len(units)), False)
        q, k = (position.rotate(mixer._heads(f(units)), Layout((len(units),))) for f in (mixer.query, mixer.key))
        scores = torch.einsum("qhe,khe->hqk", q, k) * 4**-0.5 + (0 if bias is None else bias)
        weights = scores.masked_fill(~seen, -torch.inf).softmax(-1)
        expected = mixer.out(torch.einsum("hqk,khe->qhe", weights, mixer._heads(mixer.value(units))).flatten(1))
        torch.testing.assert_close(y[b], expected)


@torch.no_grad()
def test_outside_it_is_plain_attention() -> None:
    stack, plain, x = encoder(ContextAttention(8, 2)), encoder(Attention(8, 2)), torch.randn(7, 8)
    batch = UnitBatch(x, LAYOUT)
    with pytest.raises(ZeroDivisionError), only_keys(stack, LAYOUT, CHOSEN):
        1 / 0  # noqa: B018
    assert torch.equal(stack(batch).units, plain(batch).units)


def test_other_mixers_are_refused() -> None:
    vit = ViT(8, 4, 1, 8, 1, 2)
    layout = vit.layout(ImageBatch(torch.zeros(1, 1, 8, 8)))
    with pytest.raises(ValueError, match="Attention cannot leave keys out"), only_keys(vit, layout, torch.ones(5) > 0):
        pass
