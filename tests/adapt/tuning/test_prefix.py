"""Learned keys and values in every block."""

import copy

import pytest
import torch
import torch.nn.functional as F
from small_encoders import fine_tuned, small
from torch import nn

from lit_pretrain.adapt.tuning.prefix import Prefix
from lit_pretrain.adapt.tuning.prefixed import _attention
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.encoders.modern import CausalTransformer
from lit_pretrain.part import build, spec


@pytest.mark.parametrize("name", ["bert", "vit", "timm", "huggingface"])
def test_learns_beside_a_frozen_encoder(name):
    encoder, batch = small(name)
    weights = copy.deepcopy(encoder.state_dict())
    model = FineTune(encoder, Classify(32, 3, dropout=0.0), Prefix(4))
    losses = fine_tuned(model, batch)
    assert losses[-1] < 0.9 * losses[0]
    assert len(model.encoder.prefixes) == 2 and all(p.grad.any() for p in model.encoder.prefixes)
    assert all(torch.equal(weight, weights[key]) for key, weight in encoder.state_dict().items())
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in encoder.blocks[1:])
    again = build(spec(model.encoder)).eval()
    again.load_state_dict(model.encoder.state_dict())
    assert torch.equal(again(batch).units, model.encoder.eval()(batch).units)


@pytest.mark.parametrize("name", ["bert", "vit", "timm", "huggingface"])
def test_keys_that_nobody_looks_at_change_nothing(name):
    encoder, batch = small(name)
    expected = encoder(batch).units
    wrapped = Prefix(3).prepare(encoder).eval()
    with torch.no_grad():
        for prefix in wrapped.prefixes:
            prefix.zero_()
    assert not torch.allclose(wrapped(batch).units, expected, atol=1e-4), "a key of zeros takes a share of the attention"
    torch.testing.assert_close(encoder(batch).units, expected)  # outside of the wrapper nothing is longer


@pytest.mark.parametrize("how", ["plain", "causal", "bool", "bias"])
def test_is_attention_to_the_prefix_and_the_keys(how):
    query, key, value = torch.randn(3, 2, 4, 6, 8).unbind()
    prefix = torch.randn(2, 3, 32)
    seen = torch.ones(6, 6).tril().bool()
    bias = {"plain": None, "causal": None, "bool": seen, "bias": torch.randn(4, 6, 6)}[how]
    found = _attention(prefix, query, key, value, bias, is_causal=how == "causal")
    keys, values = (p.view(3, 4, 8).transpose(0, 1).expand(2, -1, -1, -1) for p in prefix)
    scores = query @ key.mT / 8**0.5
    if how in ("causal", "bool"):
        scores = scores.masked_fill(~seen, -torch.inf)
    scores = torch.cat([query @ keys.mT / 8**0.5, scores + bias if how == "bias" else scores], -1)
    torch.testing.assert_close(found, scores.softmax(-1) @ torch.cat([values, value], 2))
    assert F.scaled_dot_product_attention(query, key, value).shape == found.shape


def test_a_causal_encoder_stays_causal():
    encoder = CausalTransformer(99, 32, 2, 2).eval()
    wrapped, (_, batch) = Prefix(3).prepare(encoder).eval(), small("bert")
    nn.init.normal_(wrapped.prefixes[0])
    before = wrapped(batch).units
    last = sum(batch.lengths[:2]) - 1  # of the second text
    batch.tokens[last] = (batch.tokens[last] + 1) % 99
    after = wrapped(batch).units
    torch.testing.assert_close(after[:last], before[:last])
    assert not torch.allclose(after[last], before[last])


def test_what_does_not_fit_is_named():
    encoder, batch = small("graph")
    with pytest.raises(ValueError, match="PyGEncoder compute no scaled_dot_product_attention"):
        Prefix().prepare(encoder)(batch)
    with pytest.raises(ValueError, match="length=0"):
        Prefix(0)
    with pytest.raises(ValueError, match="4 heads of width 8 do not fit a prefix of width 16"):
        _attention(torch.zeros(2, 1, 16), *torch.zeros(3, 1, 4, 6, 8))
