"""Distance of mel spectrograms at several resolutions (EnCodec, arXiv 2210.13438).

Legend: B recordings, S samples, M mel bands, T frames.
"""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from lit_pretrain.part import Part


class MultiScaleMel(Part):
    """mean over window sizes of [mean |m(x) - m(y)| + mean (m(x) - m(y))^2], for m = log10 of the energy in mel bands.

    Logarithms are those of FunCodec's published code (arXiv 2309.07405), from 1e-5 on.

    Args:
        windows: samples of a frame; the hop is a quarter. EnCodec has powers of two from 32 to 2048 at 24 kHz, FunCodec
            from 32 to 1024 at 16 kHz.
        mels: M; an eighth of the window at most, because a short one does not resolve more.
    """

    def __init__(self, windows: Sequence[int] = (32, 64, 128, 256, 512, 1024), mels: int = 64):
        super().__init__()
        if min(windows) < 8:
            raise ValueError(f"windows={list(windows)}: a window has 8 samples at least, which are one band")
        self.windows, self.mels = tuple(windows), mels

    def forward(self, estimate: Tensor, reference: Tensor, sample_rate: int) -> Tensor:
        """(B, S) and (B, S), of so many samples a second -> ()."""
        total = estimate.new_zeros((), dtype=torch.float32)
        with torch.autocast(estimate.device.type, enabled=False):
            for window in self.windows:
                mel = mel_spectrogram(sample_rate, window, min(self.mels, window // 8), estimate.device)
                x, y = (mel(waveforms.float()).clamp(min=1e-5).log10() for waveforms in (estimate, reference))  # (B, M, T)
                total = total + (x - y).abs().mean() + (x - y).square().mean()
        return total / len(self.windows)


@lru_cache
def mel_spectrogram(sample_rate: int, window: int, mels: int, device: torch.device) -> MelSpectrogram:
    """Held by no module: its filters would be rounded where a whole model is cast to bf16."""
    return MelSpectrogram(sample_rate, window, hop_length=window // 4, n_mels=mels, normalized=True,
                          pad_mode="constant").to(device)  # fmt: skip
