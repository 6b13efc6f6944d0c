"""Complex spectrograms and the way back. Legend: B recordings, S samples, W samples of a frame, T frames, F frequencies."""

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor


@dataclass(frozen=True)
class Spectrum:
    """Frame t has its middle in the middle of samples t * step to (t + 1) * step, so that S / step frames cover them all.

    The frequencies are those of a transform of W samples but the highest, so that their number is even.

    Args:
        size: W.
        step: samples from one frame to the next.
    """

    size: int
    step: int

    def __post_init__(self) -> None:
        if self.step < 1 or self.size < 2 * self.step or self.size % 2 or (self.size - self.step) % 2:
            raise ValueError(f"window={self.size} and step={self.step} samples: both must be even, the window at least twice"
                             " the step, or the frames do not lie evenly around their middles")  # fmt: skip

    @property
    def frequencies(self) -> int:
        """F."""
        return self.size // 2

    @property
    def around(self) -> int:
        """Samples that a frame reaches beyond its own, on each side."""
        return (self.size - self.step) // 2

    def forward(self, waveforms: Tensor) -> Tensor:
        """(B, S), of which the step is a divisor -> (B, F, T) complex, zeros around the recordings."""
        with torch.autocast(waveforms.device.type, enabled=False):
            padded = functional.pad(waveforms.float(), (self.around, self.around))
            found = torch.stft(padded, self.size, self.step, window=self._window(padded), center=False, return_complex=True)
        return found[:, :-1]

    def inverse(self, spectrogram: Tensor, valid: Tensor) -> Tensor:
        """(B, F, T) complex -> (B, S): the waveforms whose frames are nearest to it, by squares.

        Args:
            valid: (B, T) bool, the frames of each recording; the others are left out.
        """
        window = self._window(spectrogram)[:, None]
        with torch.autocast(spectrogram.device.type, enabled=False):
            frames = torch.fft.irfft(functional.pad(spectrogram, (0, 0, 0, 1)), self.size, dim=1) * window  # (B, W, T)
            weights = window.square() * valid[:, None]
            sums, total = self._overlapped(frames * valid[:, None]), self._overlapped(weights)
        return sums / total.clamp(min=1e-6)

    def _window(self, like: Tensor) -> Tensor:
        return torch.hann_window(self.size, device=like.device)

    def _overlapped(self, frames: Tensor) -> Tensor:
        """(B, W, T) -> (B, S)."""
        length = (frames.shape[2] - 1) * self.step + self.size
        sums = functional.fold(frames, (1, length), (1, self.size), stride=(1, self.step))[:, 0, 0]
        return sums[:, self.around : length - self.around]
