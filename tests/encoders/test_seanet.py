"""SEANetEncoder and SEANetDecoder: transformers' EnCodec on the same weights, causality, recordings of any length."""

import pytest
import torch
from torch import Tensor, nn
from transformers import EncodecConfig
from transformers.models.encodec.modeling_encodec import EncodecDecoder, EncodecEncoder

from lit_pretrain.encoders.seanet import SEANetEncoder
from lit_pretrain.nn.decoder.seanet import SEANetDecoder
from lit_pretrain.part import build, spec
from lit_pretrain.types import Layout, SpeechBatch

SHAPE = {"dim": 6, "width": 4, "strides": (2, 4, 5), "depth": 2, "lstm_layers": 2}
HOP = 40
CONFIG = EncodecConfig(hidden_size=6, num_filters=4, upsampling_ratios=[5, 4, 2], num_residual_layers=2,
                       num_lstm_layers=2, use_conv_shortcut=False, pad_mode="constant", use_causal_conv=True)  # fmt: skip


def made(part: type[nn.Module], **settings) -> nn.Module:
    torch.manual_seed(0)
    return part(**SHAPE | settings).eval()


def batch(lengths: tuple[int, ...]) -> SpeechBatch:
    return SpeechBatch(torch.randn(sum(lengths), generator=torch.Generator().manual_seed(1)), lengths, 8000)


def with_weights_of(ours: nn.Module, theirs: nn.Module) -> nn.Module:
    """Both hold them in the order in which they are applied."""
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.data.copy_(own)
    return theirs.eval()


@pytest.mark.parametrize("samples", [200, 187])
def test_equals_transformers(samples: int) -> None:
    encoder, decoder, inputs = made(SEANetEncoder), made(SEANetDecoder), batch((samples,))
    encoded = encoder(inputs)
    padded = nn.functional.pad(inputs.waveforms, (0, -samples % HOP))
    expected = with_weights_of(encoder, EncodecEncoder(CONFIG))(padded[None, None])[0].T
    torch.testing.assert_close(encoded.units, expected)
    waveform = decoder(encoded.units, encoded.layout)
    torch.testing.assert_close(waveform, with_weights_of(decoder, EncodecDecoder(CONFIG))(expected.T[None])[0])


@pytest.mark.parametrize("lstm_layers", [0, 1])
def test_each_recording_gets_what_it_gets_alone(lstm_layers: int) -> None:
    lengths = (81, 240, 40, 3)
    encoder, decoder = (made(part, lstm_layers=lstm_layers) for part in (SEANetEncoder, SEANetDecoder))
    inputs = batch(lengths)
    together = encoder(inputs, layers=True)
    assert together.layout.lengths == (3, 6, 1, 1) == encoder.layout(inputs).lengths
    assert list(together.layers) == ["embedding", "block00", "block01", "block02"]
    drawn = decoder(together.units, together.layout)
    assert drawn.shape == (4, 6 * HOP)
    units = together.units.split(together.layout.lengths)
    for i, waveform in enumerate(inputs.waveforms.split(lengths)):
        alone = encoder(SpeechBatch(waveform, (len(waveform),), 8000), layers=True)
        torch.testing.assert_close(units[i], alone.units)
        torch.testing.assert_close(together.pooled[i], alone.units.mean(0))
        for name, layer in together.layers.items():
            torch.testing.assert_close(layer.split(together.layout.lengths)[i], alone.layers[name])
        decoded = decoder(alone.units, alone.layout)[0]
        torch.testing.assert_close(drawn[i, : len(decoded)], decoded)


def test_layers_are_means_over_a_unit() -> None:
    encoder, inputs = made(SEANetEncoder), batch((120,))
    embedding = encoder.stem(inputs.waveforms[None, None])[0]  # (C, S)
    found = encoder(inputs, layers=True).layers
    torch.testing.assert_close(found["embedding"], embedding.unflatten(1, (3, HOP)).mean(2).T)
    assert [len(x) for x in found.values()] == [3] * 4 and [x.shape[1] for x in found.values()] == [4, 8, 16, 32]


def reach(x: Tensor, y: Tensor, at: int) -> list[int]:
    """Where x (N,) changes y[at]."""
    return torch.autograd.grad(y[at].sum(), x, retain_graph=True)[0].nonzero()[:, 0].tolist()


def test_causal() -> None:
    encoder, decoder = made(SEANetEncoder), made(SEANetDecoder)
    waveforms = torch.randn(200, requires_grad=True)
    units = encoder(SpeechBatch(waveforms, (200,), 8000)).units
    for unit in (1, 2):
        assert max(reach(waveforms, units, unit)) == (unit + 1) * HOP - 1, "up to its last sample"
    latents = torch.randn(5, 6, requires_grad=True)
    drawn = decoder(latents, Layout((5,)))[0]
    assert max(reach(latents, drawn, 2 * HOP - 1)) == 1 and max(reach(latents, drawn, 2 * HOP)) == 2


def test_waveforms_neither_fade_nor_grow() -> None:
    """At the start, the way to latents and back leaves the level about as it is."""
    torch.manual_seed(0)
    shape = {"dim": 32, "width": 16, "strides": (2, 4, 5)}
    encoder, decoder, inputs = SEANetEncoder(**shape), SEANetDecoder(**shape), batch((8000,))
    encoded = encoder(inputs)
    for found in (encoded.units, decoder(encoded.units, encoded.layout)):
        assert 0.2 < found.std() < 5


def test_rebuilt_from_its_record() -> None:
    for part in (made(SEANetEncoder), made(SEANetDecoder)):
        build(spec(part)).load_state_dict(part.state_dict())


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="can neither leave units out"):
        made(SEANetEncoder)(batch((80,)), mask=torch.ones(2, dtype=torch.bool))
