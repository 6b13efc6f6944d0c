"""Mel-frequency cepstral coefficients (MFCC). Legend: T frames of all recordings, C coefficients."""

import torch
from torch import Tensor
from torchaudio.compliance import kaldi
from torchaudio.functional import compute_deltas

from lit_pretrain.nn.embedding.frames import Frames
from lit_pretrain.nn.embedding.windows import Windows
from lit_pretrain.types import Layout, SpeechBatch


class MFCCFrames(Frames):
    """Kaldi's MFCC with their first and second derivatives over time: 3 C = 39 numbers a frame.

    HuBERT (arXiv 2106.07447) clusters them, not normalised, for its first units.

    Args:
        dim: D, width of the network.
        sample_rate: samples a second.
        coefficients: C.
        window: seconds that a frame looks at.
        hop: seconds from one frame to the next.
        stack: frames that follow each other and become one unit.
        normalise: give each number mean 0 and variance 1 over its recording.
    """

    def __init__(
        self,
        dim: int,
        sample_rate: int = 16000,
        coefficients: int = 13,
        window: float = 0.025,
        hop: float = 0.010,
        stack: int = 1,
        normalise: bool = False,
    ):
        super().__init__(dim, 3 * coefficients, Windows(sample_rate, window, hop), stack, normalise)
        self.options = {
            "sample_frequency": sample_rate,
            "num_ceps": coefficients,
            "frame_length": 1000 * window,  # in milliseconds
            "frame_shift": 1000 * hop,
            "use_energy": False,
        }

    def frames(self, inputs: SpeechBatch, layout: Layout) -> Tensor:
        waveforms = inputs.waveforms.float().split(inputs.lengths)
        return torch.cat([self._of_one(waveform) for waveform in waveforms])

    def _of_one(self, waveform: Tensor) -> Tensor:
        """(samples,) -> (frames, 3 C)."""
        coefficients = kaldi.mfcc(waveform[None], **self.options).T  # (C, frames)
        first = compute_deltas(coefficients)
        return torch.cat([coefficients, first, compute_deltas(first)]).T
