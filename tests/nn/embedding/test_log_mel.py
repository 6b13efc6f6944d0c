"""Log-mel frames against a plain Fourier transform of each frame, and a batch against its recordings alone."""

from dataclasses import replace

import pytest
import torch
from torchaudio.functional import melscale_fbanks

from lit_pretrain.nn.embedding.log_mel import LogMelFrames
from lit_pretrain.types import Ragged, SpeechBatch, UnitBatch

RATE, LENGTHS = 8000, (900, 1700, 345)


def speech(lengths: tuple[int, ...] = LENGTHS, rate: int = RATE) -> SpeechBatch:
    waveforms = torch.randn(sum(lengths), generator=torch.Generator().manual_seed(0)).mul(0.1)
    labels = torch.arange(len(lengths))
    return SpeechBatch(waveforms, lengths, rate, labels=labels, index=labels + 7, target=Ragged(labels, (1,) * len(lengths)))


def alone(batch: SpeechBatch) -> list[SpeechBatch]:
    return [SpeechBatch(waveform, (len(waveform),), batch.sample_rate) for waveform in batch.waveforms.split(batch.lengths)]


def test_frames_are_mel_energies_of_windows() -> None:
    batch = speech()
    found = LogMelFrames(6, RATE, mels=20, eps=1e-5, normalise=False).features(batch)
    filters, window = melscale_fbanks(129, 0.0, RATE / 2, 20, RATE), torch.hann_window(200)
    rows = []
    for waveform in batch.waveforms.split(LENGTHS):
        frames = waveform.unfold(0, 200, 80) * window
        rows.append((torch.fft.rfft(frames, 256).abs().square() @ filters + 1e-5).log())
    assert found.layout.lengths == tuple(map(len, rows)) == (9, 19, 2)
    torch.testing.assert_close(found.units, torch.cat(rows), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("stack", [1, 2])
@torch.no_grad()
def test_a_recording_depends_on_no_neighbour(stack: int) -> None:
    front, batch = LogMelFrames(6, RATE, mels=20, stack=stack), speech()
    features, (units, layout) = front.features(batch), front(batch)
    for b, recording in enumerate(alone(batch)):
        own = layout.example == b
        torch.testing.assert_close(front.features(recording).units, features.units[own], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(front(recording)[0], units[own], atol=1e-4, rtol=1e-4)
    assert layout.lengths == front.layout(batch).lengths == tuple(n // stack for n in (9, 19, 2))


def test_bands_are_standardised_over_each_recording() -> None:
    features = LogMelFrames(6, RATE, mels=20).features(speech((900, 1700)))
    for own in features.units.split(features.layout.lengths):
        torch.testing.assert_close(own.mean(0), torch.zeros(20), atol=1e-4, rtol=0)
        torch.testing.assert_close(own.var(0, correction=0), torch.ones(20), atol=1e-3, rtol=0)


def test_stacked_frames_follow_each_other() -> None:
    front = LogMelFrames(6, RATE, mels=20, stack=3)
    with pytest.raises(ValueError, match=r"345 samples is too short: 3 frame\(s\) of 200 samples take 360"):
        front.features(speech())
    batch = speech((900, 1700))
    single, triple = LogMelFrames(6, RATE, mels=20).features(batch), front.features(batch)
    assert triple.layout.lengths == (3, 6) and (front.feature_dim, front.hop) == (60, 240)
    torch.testing.assert_close(triple.units[3].view(3, 20), single.units[9:12])  # the second recording begins at 9
    torch.testing.assert_close(triple.units[8].view(3, 20), single.units[24:27])


@torch.no_grad()
def test_features_stand_in_for_the_batch() -> None:
    front, batch = LogMelFrames(6, RATE, mels=20), speech()
    features = front.features(batch)
    assert torch.equal(front(features)[0], front(batch)[0]) and front.layout(features) is features.layout
    for name in ("labels", "index", "target"):
        assert getattr(features, name) is getattr(batch, name)
    changed = UnitBatch(features.units + 1, features.layout)
    assert not torch.equal(front(changed)[0], front(batch)[0])


@torch.no_grad()
def test_precision_does_not_reach_the_features() -> None:
    front, batch = LogMelFrames(6, RATE, mels=20), speech()
    expected = front.features(batch).units
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(front.features(batch).units, expected)
    half = front.to(torch.bfloat16)
    assert torch.equal(half.features(batch).units, expected) and half(batch)[0].dtype == torch.bfloat16


def test_mistakes() -> None:
    front = LogMelFrames(6, RATE, mels=20)
    with pytest.raises(ValueError, match=r"of 16000 samples .* for 8000; set data.init_args.sample_rate=8000"):
        front.features(replace(speech(), sample_rate=16000))
    with pytest.raises(ValueError, match="199 samples is too short"):
        front.layout(speech((900, 199)))
    with pytest.raises(ValueError, match="stack=0"):
        LogMelFrames(6, stack=0)
    with pytest.raises(ValueError, match="hop must be at least 1"):
        LogMelFrames(6, RATE, window=0.01, hop=0.02)
