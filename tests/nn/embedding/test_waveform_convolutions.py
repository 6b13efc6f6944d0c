"""The feature encoder of wav2vec 2.0 (equality with transformers is in tests/io): batches, lengths, gradients."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.nn.embedding.waveform_convolutions import WaveformConvolutions
from lit_pretrain.types import SpeechBatch, UnitBatch

RATE, LENGTHS = 8000, (400, 1001, 77)
LAYERS = {"channels": (6, 5, 4), "kernels": (10, 3, 2), "strides": (5, 2, 2)}
BATCH = SpeechBatch(torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(0)), LENGTHS, RATE,
                    labels=torch.arange(3))  # fmt: skip


def front(norm: str, **options) -> WaveformConvolutions:
    torch.manual_seed(0)
    made = WaveformConvolutions(7, RATE, **LAYERS, norm=norm, bias=True, **options)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return made


@pytest.mark.parametrize("normalise", [False, True])
@torch.no_grad()
def test_group_norm_is_that_of_torch_on_each_recording(normalise: bool) -> None:
    net, rows = front("group", normalise=normalise), []
    for x in BATCH.waveforms.split(LENGTHS):
        x = F.layer_norm(x, x.shape, eps=1e-7)[None, None] if normalise else x[None, None]
        for i, convolution in enumerate(net.convolutions):
            x = convolution(x)
            x = F.gelu(F.group_norm(x, 6, net.norms[0].weight, net.norms[0].bias) if i == 0 else x)
        rows.append(x[0].T)
    found = net.features(BATCH)
    assert found.layout.lengths == tuple(map(len, rows)) == net.layout(BATCH).lengths and found.labels is BATCH.labels
    torch.testing.assert_close(found.units, torch.cat(rows), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_layer_norm_of_each_frame() -> None:
    net, x = front("layer"), BATCH.padded()[1:2, None]
    for convolution, norm in zip(net.convolutions, net.norms, strict=True):
        x = convolution(x).mT
        x = F.gelu(F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias).mT)
    second = net.features(BATCH).units[net.layout(BATCH).example == 1]
    torch.testing.assert_close(second, x[0].T, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("norm", ["group", "layer"])
@torch.no_grad()
def test_a_recording_depends_on_no_neighbour(norm: str) -> None:
    net = front(norm)
    units, layout = net(BATCH)
    for b, waveform in enumerate(BATCH.waveforms.split(LENGTHS)):
        alone = net(SpeechBatch(waveform, (len(waveform),), RATE))[0]
        torch.testing.assert_close(alone, units[layout.example == b], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_units_are_projected_features() -> None:
    net = front("layer", dropout=0.5).eval()
    features = net.features(BATCH)
    normed = F.layer_norm(features.units, (4,), net.norm.weight, net.norm.bias)
    torch.testing.assert_close(net(BATCH)[0], net.linear(normed))
    assert torch.equal(net(features)[0], net(BATCH)[0]) and net.layout(features) is features.layout
    assert not torch.equal(net(UnitBatch(features.units.flip(1), features.layout))[0], net(BATCH)[0])
    assert (net.train()(BATCH)[0] == 0).float().mean() > 0.3


def test_gradients_of_the_convolutions_are_scaled() -> None:
    gradients = {}
    for scale in (1.0, 0.1):
        net = front("group", gradient_scale=scale)
        net(BATCH)[0].square().sum().backward()
        gradients[scale] = {name: parameter.grad for name, parameter in net.named_parameters()}
    for name, whole in gradients[1.0].items():
        factor = 0.1 if name.startswith("convolutions") or name.startswith("norms") else 1.0
        assert whole.abs().max() > 0, name
        torch.testing.assert_close(gradients[0.1][name], whole * factor, msg=name)


def test_the_hop_of_the_paper() -> None:
    net = WaveformConvolutions(8, channels=(2,) * 7)
    assert (net.hop, net.sample_rate, net.feature_dim) == (320, 16000, 2)
    second = SpeechBatch(torch.zeros(16000), (16000,), 16000)
    assert net.layout(second).lengths == (49,)
    shortest = SpeechBatch(torch.zeros(400), (400,), 16000)
    assert net.layout(shortest).lengths == (1,)
    with pytest.raises(ValueError, match="399 samples is too short: one unit takes 400"):
        net.layout(SpeechBatch(torch.zeros(399), (399,), 16000))


@torch.no_grad()
def test_a_model_cast_to_half() -> None:
    expected = front("group")(BATCH)[0]
    units, _ = front("group").to(torch.bfloat16)(BATCH)
    assert units.dtype == torch.bfloat16 and (units.float() - expected).norm() < 0.05 * expected.norm()


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"data\.init_args\.sample_rate=8000"):
        front("group").features(replace(BATCH, sample_rate=16000))
    with pytest.raises(ValueError, match=r"strides=\[5, 2\] must have one number for each layer"):
        WaveformConvolutions(7, RATE, **LAYERS | {"strides": (5, 2)})
    with pytest.raises(ValueError, match="gradient_scale=0"):
        front("group", gradient_scale=0)
