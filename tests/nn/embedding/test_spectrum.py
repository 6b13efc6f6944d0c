"""Spectrum: torch's own transform and inverse, and recordings that end before others."""

import pytest
import torch
from torch import Tensor

from lit_pretrain.nn.embedding.spectrum import Spectrum


def waves(samples: int) -> Tensor:
    """(2, samples) that hold next to nothing of the highest frequency."""
    time = torch.arange(samples)
    return torch.stack([(0.3 * time).sin() + 0.5 * (1.1 * time).cos(), (0.7 * time + 1).sin()])


@pytest.mark.parametrize(("size", "step"), [(32, 8), (32, 16), (50, 10)])
def test_there_and_back(size: int, step: int) -> None:
    spectrum, waveforms = Spectrum(size, step), waves(step * 20)
    found = spectrum.forward(waveforms)
    assert found.shape == (2, spectrum.frequencies, 20)
    back = spectrum.inverse(found, torch.ones(2, 20, dtype=torch.bool))
    assert back.shape == waveforms.shape
    torch.testing.assert_close(back[:, size:-size], waveforms[:, size:-size], rtol=0, atol=2e-3)


def test_equals_torch() -> None:
    """Whose frames have their middles at multiples of the step; and whose inverse is the nearest waveform, too."""
    spectrum, hann = Spectrum(32, 8), torch.hann_window(32)
    found = spectrum.forward(waves(160))
    theirs = torch.stft(waves(160)[:, 4:], 32, 8, window=hann, pad_mode="constant", return_complex=True)
    torch.testing.assert_close(found[:, :, 3:16], theirs[:, :-1, 3:16])
    noise = torch.randn(2, 16, 20, dtype=torch.complex64)
    back = spectrum.inverse(noise, torch.ones(2, 20, dtype=torch.bool))
    expected = torch.istft(torch.nn.functional.pad(noise, (0, 0, 0, 1)), 32, 8, window=hann, center=True)  # frame t at t * 8
    torch.testing.assert_close(back[:, 4:-4], expected)


def test_what_lies_behind_an_end_does_not_count() -> None:
    spectrum, noise = Spectrum(32, 8), torch.randn(1, 16, 20, dtype=torch.complex64)
    valid = torch.arange(20)[None] < 12
    back = spectrum.inverse(noise, valid)
    torch.testing.assert_close(back[:, : 12 * 8], spectrum.inverse(noise[:, :, :12], valid[:, :12]))


def test_mistakes() -> None:
    for size, step in ((30, 16), (33, 8), (32, 9)):
        with pytest.raises(ValueError, match=f"window={size} and step={step}"):
            Spectrum(size, step)
