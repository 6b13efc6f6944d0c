"""Patches of log-mel spectrograms: which numbers lie in which, and padding that changes nothing."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.nn.embedding.log_mel import LogMelFrames
from lit_pretrain.nn.embedding.log_mel_patches import LogMelPatches
from lit_pretrain.types import SpeechBatch

RATE, LENGTHS, T, M, P = 8000, (900, 2500, 1400), 16, 12, 4  # of 9, 29 and 16 frames


@pytest.fixture
def batch() -> SpeechBatch:
    return SpeechBatch(torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(0)).mul(0.1), LENGTHS, RATE)


def patches(dim: int = 5) -> LogMelPatches:
    return LogMelPatches(dim, T, RATE, mels=M, patch_size=P)


def test_patches_lie_row_by_row_in_time(batch: SpeechBatch) -> None:
    embedding, frames = patches(), LogMelFrames(5, RATE, mels=M, normalise=False).features(batch)
    found = embedding.patches(batch).split((9, 12, 12))
    for patch, own in zip(found, frames.units.split(frames.layout.lengths), strict=True):
        patch = patch.view(-1, 3, P, P)  # row, column, frame, band
        own = own[:T]
        own = (own - own.mean()) / own.std(correction=0)
        assert len(patch) == -(-len(own) // P)
        for t in range(len(patch) * P):
            row = torch.cat([patch[t // P, column, t % P] for column in range(M // P)])
            torch.testing.assert_close(row, own[t] if t < len(own) else torch.zeros(M), atol=1e-3, rtol=1e-3)


def test_stretches_of_time(batch: SpeechBatch) -> None:
    embedding = LogMelPatches(5, T, RATE, mels=M, patch_size=(2, M))
    found, whole = embedding.features(batch), embedding.spectrograms(batch)
    assert found.layout.lengths == (5, 8, 8) and found.layout.grid == (8, 1)
    assert (embedding.feature_dim, embedding.hop) == (2 * M, 160)
    for own, spectrogram in zip(found.units.split(found.layout.lengths), whole, strict=True):
        assert torch.equal(own.view(-1, M), spectrogram[: 2 * len(own)])


@torch.no_grad()
def test_units_and_their_grid(batch: SpeechBatch) -> None:
    embedding = patches()
    units, layout = embedding(batch)
    assert units.shape == (33, 5) and layout.lengths == (9, 12, 12) and layout.grid == embedding.grid == (4, 3)
    assert embedding.layout(batch) == layout and (embedding.feature_dim, embedding.hop) == (16, 320)
    features = embedding.features(batch)
    assert torch.equal(embedding(features)[0], units) and embedding.layout(features) == layout
    torch.testing.assert_close(units, embedding.linear(embedding.patches(batch)))
    for waveform, own in zip(batch.waveforms.split(LENGTHS), units.split((9, 12, 12)), strict=True):
        torch.testing.assert_close(embedding(SpeechBatch(waveform, (len(waveform),), RATE))[0], own, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_precision_does_not_reach_the_patches(batch: SpeechBatch) -> None:
    embedding, expected = patches(), patches().patches(batch)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(embedding.patches(batch), expected)
    half = embedding.to(torch.bfloat16)
    assert torch.equal(half.patches(batch), expected) and half(batch)[0].dtype == torch.bfloat16


def test_mistakes(batch: SpeechBatch) -> None:
    with pytest.raises(ValueError, match="frames=16 and mels=10 must be multiples of patch_size=4"):
        LogMelPatches(5, T, RATE, mels=10, patch_size=4)
    with pytest.raises(ValueError, match=r"data.init_args.sample_rate=8000"):
        patches().patches(replace(batch, sample_rate=16000))
    with pytest.raises(ValueError, match="150 samples is too short"):
        patches().patches(SpeechBatch(torch.zeros(150), (150,), RATE))
