"""FreqCodecEncoder and FreqCodecDecoder: what reaches the networks, causality, recordings of any length."""

import pytest
import torch
from torch import nn

from lit_pretrain.encoders.freq_codec import FreqCodecEncoder
from lit_pretrain.nn.decoder.freq_codec import FreqCodecDecoder
from lit_pretrain.part import build, spec
from lit_pretrain.types import Layout, SpeechBatch

SHAPE = {"dim": 6, "width": 4, "strides": ((4, 1), (2, 2)), "window": 32, "step": 8, "lstm_layers": 1}
HOP, AHEAD = 16, 12


def made(part: type[nn.Module], **settings) -> nn.Module:
    torch.manual_seed(0)
    return part(**SHAPE | settings).eval()


def batch(lengths: tuple[int, ...]) -> SpeechBatch:
    return SpeechBatch(torch.randn(sum(lengths), generator=torch.Generator().manual_seed(1)), lengths, 8000)


def test_each_recording_gets_what_it_gets_alone() -> None:
    lengths = (50, 96, 16, 3)
    encoder, decoder, inputs = made(FreqCodecEncoder), made(FreqCodecDecoder), batch(lengths)
    together = encoder(inputs, layers=True)
    assert together.layout.lengths == (4, 6, 1, 1) and together.units.shape == (12, 6)
    assert [x.shape for x in together.layers.values()] == [(12, 4 * 16), (12, 8 * 4), (12, 16 * 2)]
    drawn = decoder(together.units, together.layout)
    assert drawn.shape == (4, 6 * HOP) and drawn.isfinite().all()
    for i, waveform in enumerate(inputs.waveforms.split(lengths)):
        alone = encoder(SpeechBatch(waveform, (len(waveform),), 8000))
        torch.testing.assert_close(together.units.split(together.layout.lengths)[i], alone.units)
        decoded = decoder(alone.units, alone.layout)[0]
        torch.testing.assert_close(drawn[i, : len(decoded)], decoded)


def test_channels_are_magnitude_and_phase() -> None:
    encoder, waveforms = made(FreqCodecEncoder), torch.randn(2, 160)
    logarithm, cosine, sine = encoder.maps(waveforms).unbind(1)
    spectrogram = encoder.spectrum.forward(waveforms)
    torch.testing.assert_close(logarithm.exp() * torch.complex(cosine, sine), spectrogram)
    torch.testing.assert_close(cosine.square() + sine.square(), torch.ones_like(sine))


def test_the_decoder_makes_the_spectrogram_it_says() -> None:
    decoder, waveforms = made(FreqCodecDecoder), torch.randn(1, 160)
    spectrogram = decoder.spectrum.forward(waveforms)
    magnitude = spectrogram.abs()
    phase = spectrogram / magnitude
    decoder.maps = lambda units, layout: torch.stack([magnitude.expm1().log(), phase.real, phase.imag], 1)
    expected = decoder.spectrum.inverse(spectrogram, torch.ones(1, 20, dtype=torch.bool))
    torch.testing.assert_close(decoder(torch.zeros(10, 6), Layout((10,))), expected, rtol=1e-3, atol=1e-4)


def test_causal_but_for_half_a_window() -> None:
    encoder = made(FreqCodecEncoder)
    waveforms = torch.randn(96, requires_grad=True)
    units = encoder(SpeechBatch(waveforms, (96,), 8000)).units
    reach = torch.autograd.grad(units[2].sum(), waveforms)[0].nonzero().max()
    assert reach == 3 * HOP - 1 + AHEAD - 1 or reach == 3 * HOP - 1 + AHEAD  # the first sample of a Hann window is 0


def test_rebuilt_from_its_record() -> None:
    for part in (made(FreqCodecEncoder), made(FreqCodecDecoder)):
        build(spec(part)).load_state_dict(part.state_dict())


def test_mistakes() -> None:
    for part in (FreqCodecEncoder, FreqCodecDecoder):
        with pytest.raises(ValueError, match="does not divide the 16"):
            made(part, strides=((3, 1),))
