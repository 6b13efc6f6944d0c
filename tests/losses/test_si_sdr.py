"""SI-SDR: torchmetrics, and the ratio of a known mixture."""

import pytest
import torch
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from lit_pretrain.losses.si_sdr import si_sdr


def test_equals_torchmetrics() -> None:
    torch.manual_seed(0)
    estimate, reference = torch.randn(2, 3, 500) + 0.3, torch.randn(2, 3, 500)
    expected = scale_invariant_signal_distortion_ratio(estimate, reference, zero_mean=True)
    torch.testing.assert_close(si_sdr(estimate, reference), expected)


@pytest.mark.parametrize("scale", [0.1, 1.0, 7.0])
def test_noise_a_tenth_as_loud_is_20_dB(scale: float) -> None:
    time = torch.arange(1000) * (2 * torch.pi / 1000)
    reference, noise = (3 * time).sin(), 0.1 * (5 * time).cos()
    assert si_sdr(scale * (reference + noise) + 1, reference).item() == pytest.approx(20, abs=1e-3)


def test_silence_is_finite() -> None:
    zeros, wave = torch.zeros(50), torch.randn(50)
    assert torch.stack([si_sdr(zeros, wave), si_sdr(wave, zeros), si_sdr(zeros, zeros)]).isfinite().all()
