"""MultiScaleMel: Fourier sums by hand, and what it hears."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchaudio.functional import melscale_fbanks

from lit_pretrain.losses.multi_scale_mel import MultiScaleMel


def by_hand(waveform: Tensor, window: int, mels: int, rate: int) -> Tensor:
    """(S,) -> (T, M), with the Fourier transform written out."""
    frames = F.pad(waveform, (window // 2, window // 2)).unfold(0, window, window // 4)  # (T, W)
    time, frequency = torch.arange(window), torch.arange(window // 2 + 1)
    hann = torch.hann_window(window)
    waves = torch.exp(-2j * torch.pi * time[:, None] * frequency / window)
    energy = ((frames * hann).to(waves.dtype) @ waves).abs().square() / hann.square().sum()
    return (energy @ melscale_fbanks(window // 2 + 1, 0, rate / 2, mels, rate)).clamp(min=1e-5).log10()


def test_by_hand() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(2, 2, 700)
    expected = 0.0
    for window, mels in ((64, 8), (256, 10)):
        differences = torch.stack([by_hand(a, window, mels, 8000) - by_hand(b, window, mels, 8000)
                                   for a, b in zip(x, y, strict=True)])  # fmt: skip
        expected += (differences.abs().mean() + differences.square().mean()) / 2
    torch.testing.assert_close(MultiScaleMel((64, 256), mels=10)(x, y, 8000), expected, rtol=1e-4, atol=1e-5)


def test_what_it_hears() -> None:
    """Nothing where there is no difference, a shift of phase less than one of pitch, and gradients in silence."""
    loss, time = MultiScaleMel(), torch.arange(4000) * (2 * torch.pi / 8000)
    tone, shifted, higher = (440 * time).sin()[None], (440 * time + 1).sin()[None], (600 * time).sin()[None]
    assert loss(tone, tone, 8000) == 0
    assert loss(shifted, tone, 8000) < 0.3 * loss(higher, tone, 8000)
    silence = torch.zeros(1, 4000, requires_grad=True)
    loss(silence, tone, 8000).backward()
    assert silence.grad.isfinite().all()


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="8 samples at least"):
        MultiScaleMel((4, 64))
