"""Small networks after frozen blocks."""

import copy

import pytest
import torch
from small_encoders import NAMES, fine_tuned, small
from torch import nn

from lit_pretrain.adapt.tuning.adapters import Adapters
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.io.pretrained import from_pretrained, save_pretrained
from lit_pretrain.part import build, spec


@pytest.mark.parametrize("name", NAMES)
def test_starts_at_the_encoder_and_learns_beside_it(name):
    encoder, batch = small(name)
    before, weights = encoder(batch), copy.deepcopy(encoder.state_dict())
    model = FineTune(encoder, Classify(32, 3, dropout=0.0), Adapters())
    assert torch.equal(model.encoder(batch).units, before.units)
    losses = fine_tuned(model, batch)
    assert losses[-1] < 0.9 * losses[0]
    assert all(p.grad is not None and p.grad.any() for p in model.encoder.adapters.parameters())
    assert all(torch.equal(weight, weights[key]) for key, weight in encoder.state_dict().items())


def test_each_block_is_followed_by_its_adapter():
    encoder, batch = small("bert")
    plain = copy.deepcopy(encoder)
    wrapped = Adapters(4).prepare(encoder).eval()
    for adapter in wrapped.adapters:
        nn.init.normal_(adapter.up.weight)
    first = plain(batch, layers=True).layers["block00"]
    found = wrapped(batch, layers=True).layers["block00"]
    torch.testing.assert_close(found, first + wrapped.adapters[0].change(first))
    assert not torch.allclose(found, first)


def test_copies_have_adapters_of_their_own():
    encoder, batch = small("vit")
    wrapped = Adapters(4).prepare(encoder).eval()
    again, before = copy.deepcopy(wrapped), wrapped(batch).units
    nn.init.ones_(again.adapters[0].up.weight)
    assert torch.equal(wrapped(batch).units, before) and not torch.allclose(again(batch).units, before)


def test_is_rebuilt_and_exported_whole(tmp_path):
    encoder, batch = small("huggingface")
    wrapped = Adapters(4).prepare(encoder).eval()
    nn.init.normal_(wrapped.adapters[0].up.weight)
    again = build(spec(wrapped)).eval()
    again.load_state_dict(wrapped.state_dict())
    save_pretrained(wrapped, tmp_path)
    for other in (again, from_pretrained(tmp_path), wrapped.merged()):
        assert torch.equal(other(batch).units, wrapped(batch).units)


def test_less_than_two_percent_train():
    model = FineTune(BERT(30522, 256, 4, 4), Classify(256, 2), Adapters(16))
    trained = sum(p.numel() for p in model.encoder.parameters() if p.requires_grad)
    assert 0 < trained < 0.02 * sum(p.numel() for p in model.encoder.parameters())


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="hidden=0"):
        Adapters(0)
    _, batch = small("vit")
    batch.images = torch.rand(2, 3, 32, 32)
    with pytest.raises(ValueError, match=r"cannot stand after a \(2, 64, 8, 8\) output.*LoRA"):
        Adapters().prepare(TimmEncoder("resnet10t"))(batch)
