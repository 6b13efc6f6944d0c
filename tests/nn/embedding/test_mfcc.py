"""MFCC against their definition, and against the reader of HuBERT's code."""

import math

import pytest
import torch
import torchaudio

from lit_pretrain.nn.embedding.mfcc import MFCCFrames
from lit_pretrain.types import SpeechBatch

LENGTHS = (900, 2500, 400)


def speech(rate: int) -> SpeechBatch:
    waveforms = torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(0)).mul(0.1)
    return SpeechBatch(waveforms, LENGTHS, rate)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_reader_of_hubert(rate: int) -> None:
    """`MfccFeatureReader.get_feats` of fairseq, recording by recording."""
    batch, rows = speech(rate), []
    for waveform in batch.waveforms.split(LENGTHS):
        mfccs = torchaudio.compliance.kaldi.mfcc(waveform.view(1, -1), sample_frequency=rate, use_energy=False)
        mfccs = mfccs.transpose(0, 1)
        deltas = torchaudio.functional.compute_deltas(mfccs)
        ddeltas = torchaudio.functional.compute_deltas(deltas)
        rows.append(torch.cat([mfccs, deltas, ddeltas], dim=0).transpose(0, 1))
    front = MFCCFrames(6, rate)
    found = front.features(batch)
    assert found.layout.lengths == tuple(map(len, rows)) == front.layout(batch).lengths
    assert torch.equal(found.units, torch.cat(rows)) and found.units.shape[1] == front.feature_dim == 39


def test_numbers_after_the_coefficients_are_their_slopes() -> None:
    """Noise that repeats with each hop and grows as exp(2 t): every log energy rises by 0.04 a frame, so coefficient 0,
    sqrt(23) times the mean of those of 23 bands, rises on a line, and the others stand still."""
    time, generator = torch.arange(8000) / 8000, torch.Generator().manual_seed(0)
    growing = torch.exp(2 * time) * torch.randn(80, generator=generator).repeat(100)
    units = MFCCFrames(6, 8000).features(SpeechBatch(growing, (8000,), 8000)).units[10:-10]
    slopes, bends = units[:, 13:26], units[:, 26:]
    torch.testing.assert_close(slopes[:, 0], torch.full((78,), 0.04 * math.sqrt(23)), atol=1e-4, rtol=0)
    assert slopes[:, 1:].abs().max() < 1e-4 and bends.abs().max() < 1e-4


def test_normalised_and_stacked() -> None:
    front = MFCCFrames(6, 8000, coefficients=5, stack=2, normalise=True)
    features = front.features(speech(8000))
    assert features.layout.lengths == (4, 14, 1) == front.layout(speech(8000)).lengths
    frames = features.units[4:18].view(28, 15)  # of the second recording, which has 29
    torch.testing.assert_close(frames.mean(0), torch.zeros(15), atol=0.1, rtol=0)
    assert front(speech(8000))[0].shape == (19, 6)
