"""Log-mel spectrograms. Legend: B recordings, S samples of the longest, T frames of all recordings, M mel bands."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from lit_pretrain.nn.embedding.frames import Frames
from lit_pretrain.nn.embedding.windows import Windows
from lit_pretrain.types import Layout, SpeechBatch


def log_mel(inputs: SpeechBatch, layout: Layout, windows: Windows, mels: int, eps: float) -> Tensor:
    """(T, M) log(energy + eps) of the frames that `layout` counts, in fp32."""
    around = windows.fft_size - windows.size  # the transform is longer than the window in its middle
    waveforms = F.pad(inputs.padded().float(), (around // 2, around - around // 2))
    energy = mel_spectrogram(windows, mels, waveforms.device)(waveforms).mT  # (B, S) -> (B, frames, M)
    return (energy[layout.example, layout.position] + eps).log()


@lru_cache
def mel_spectrogram(windows: Windows, mels: int, device: torch.device) -> MelSpectrogram:
    """Held by no module: its filters would be rounded where a whole model is cast to bf16."""
    return MelSpectrogram(
        windows.sample_rate, windows.fft_size, windows.size, windows.step, n_mels=mels, center=False
    ).to(device)  # fmt: skip


class LogMelFrames(Frames):
    """The logarithm of the energy in mel bands, frame by frame.

    Args:
        dim: D, width of the network.
        sample_rate: samples a second.
        mels: M.
        window: seconds that a frame looks at.
        hop: seconds from one frame to the next.
        stack: frames that follow each other and become one unit.
        eps: what is added to the energies before the logarithm.
        normalise: give each band mean 0 and variance 1 over its recording.
    """

    def __init__(
        self,
        dim: int,
        sample_rate: int = 16000,
        mels: int = 80,
        window: float = 0.025,
        hop: float = 0.010,
        stack: int = 1,
        eps: float = 1e-6,
        normalise: bool = True,
    ):
        super().__init__(dim, mels, Windows(sample_rate, window, hop), stack, normalise)
        self.mels, self.eps = mels, eps

    def frames(self, inputs: SpeechBatch, layout: Layout) -> Tensor:
        return log_mel(inputs, layout, self.windows, self.mels, self.eps)
