"""wav2vec 2.0: masks, features in place of the batch, where norms stand. Equality with transformers is in tests/io."""

import pytest
import torch
from transformers import Wav2Vec2Config, Wav2Vec2Model

from lit_pretrain.encoders.hubert import HuBERT
from lit_pretrain.encoders.wav2vec2 import Wav2Vec2
from lit_pretrain.part import build, spec
from lit_pretrain.types import SpeechBatch

LENGTHS = (400, 1001, 77)
SMALL = {"dim": 8, "num_layers": 2, "num_heads": 2, "sample_rate": 8000, "channels": (6, 5, 4), "kernels": (10, 3, 2),
         "strides": (5, 2, 2), "position_kernel": 6, "position_groups": 2}  # fmt: skip
BASE, LARGE = {}, {"norm": "layer", "bias": True, "pre_norm": True}
each_form = pytest.mark.parametrize("form", [BASE, LARGE], ids=["base", "large"])


def speech(lengths: tuple[int, ...] = LENGTHS) -> SpeechBatch:
    return SpeechBatch(torch.randn(sum(lengths), generator=torch.Generator().manual_seed(0)), lengths, 8000)


@each_form
@torch.no_grad()
def test_a_batch_equals_its_recordings_alone(form: dict) -> None:
    net, batch = Wav2Vec2(**SMALL, **form).eval(), speech()
    whole = net(batch, layers=True)
    assert whole.pooled.shape == (3, 8) and list(whole.layers) == ["embedding", "block00", "block01"]
    for b, waveform in enumerate(batch.waveforms.split(LENGTHS)):
        alone = net(SpeechBatch(waveform, (len(waveform),), 8000))
        torch.testing.assert_close(alone.units, whole.units[whole.layout.example == b], atol=1e-4, rtol=1e-4)


@each_form
@torch.no_grad()
def test_masked_units_are_not_seen(form: dict) -> None:
    net, batch = Wav2Vec2(**SMALL, **form).eval(), speech()
    features, layout = net.features(batch), net.layout(batch)
    mask = torch.arange(layout.num_units) % 3 == 0
    expected = net(batch, mask=mask).units
    assert torch.equal(net(features, mask=mask).units, expected)
    features.units[mask] = torch.randn(int(mask.sum()), 4)
    assert torch.equal(net(features, mask=mask).units, expected) and not torch.equal(net(features).units, expected)


@each_form
def test_every_weight_learns(form: dict) -> None:
    net, batch = Wav2Vec2(**SMALL, **form), speech()
    mask = torch.arange(net.layout(batch).num_units) % 3 == 0
    (net(batch, mask=mask).units * torch.randn(len(mask), 8)).sum().backward()
    # A bias of all keys moves every score of a query alike, and softmax takes it away.
    still = [n for n, p in net.named_parameters() if p.grad is None or (not p.grad.any() and "key.bias" not in n)]
    assert not still


@torch.no_grad()
def test_norms_of_the_two_forms() -> None:
    base, large = Wav2Vec2(**SMALL, **BASE).eval()(speech()).units, Wav2Vec2(**SMALL, **LARGE).eval()(speech()).units
    for units in (base, large):  # both end in a norm, which begins as the identity
        torch.testing.assert_close(units.mean(1), torch.zeros(len(units)), atol=1e-5, rtol=0)
        torch.testing.assert_close(units.var(1, correction=0), torch.ones(len(units)), atol=0.05, rtol=0)
    with pytest.raises(ValueError, match="maskable=true"):
        Wav2Vec2(**SMALL, maskable=False)(speech(), mask=torch.ones(len(base), dtype=torch.bool))


def test_default_sizes() -> None:
    """As many weights as Wav2Vec2Model of transformers has by default."""
    with torch.device("meta"):
        ours, theirs = Wav2Vec2(), Wav2Vec2Model(Wav2Vec2Config())
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    assert ours.embedding.hop == 320


@torch.no_grad()
def test_its_spec_builds_it_again() -> None:
    for kind in (Wav2Vec2, HuBERT):
        net = kind(**SMALL, **LARGE).eval()
        again = build(spec(net)).eval()
        again.load_state_dict(net.state_dict())
        assert type(again) is kind and torch.equal(again(speech()).units, net(speech()).units)
