"""Patches of a log-mel spectrogram as units (Audio-MAE, arXiv 2207.06405).

Legend: B recordings, T frames of the longest spectrogram, M mel bands, P frames and Q bands of a patch, U patches of all
recordings.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.nn.embedding.front_end import FrontEnd
from lit_pretrain.nn.embedding.log_mel import log_mel
from lit_pretrain.nn.embedding.windows import Windows
from lit_pretrain.nn.patches import sides
from lit_pretrain.types import Batch, Layout, SpeechBatch, UnitBatch


class LogMelPatches(FrontEnd):
    """A linear map of each P x Q patch, row by row: rows of the grid are steps in time, columns bands of mels.

    Recordings of more than T frames are cut at their end; shorter ones have fewer rows, where the published code pads them
    to T, so that nothing is spent on silence that no one recorded. Each spectrogram gets mean 0 and variance 1, and zeros
    after its end in its last row.

    Args:
        dim: D, width of the network.
        frames: T at most, a multiple of P.
        sample_rate: samples a second.
        mels: M, a multiple of Q.
        patch_size: P and Q, or one number for both. With all bands in a patch (Q = M), patches are stretches of time, which
            suit speech better than squares do (SSAST, arXiv 2110.09784).
        window: seconds that a frame looks at.
        hop: seconds from one frame to the next.
        eps: what is added to the energies before the logarithm.
    """

    def __init__(
        self,
        dim: int,
        frames: int = 1024,
        sample_rate: int = 16000,
        mels: int = 128,
        patch_size: int | tuple[int, int] = 16,
        window: float = 0.025,
        hop: float = 0.010,
        eps: float = 1e-6,
    ):
        super().__init__()
        high, wide = sides(patch_size)
        if frames % high or mels % wide:
            raise ValueError(f"frames={frames} and mels={mels} must be multiples of patch_size={patch_size}")
        self.dim, self.patch, self.frames, self.mels = dim, (high, wide), frames, mels
        self.grid = (frames // high, mels // wide)
        self.windows, self.sample_rate, self.eps = Windows(sample_rate, window, hop), sample_rate, eps
        self.feature_dim, self.hop = high * wide, self.windows.step * high  # from one row of patches to the next
        self.linear = nn.Linear(high * wide, dim)

    def layout(self, inputs: Batch) -> Layout:
        if isinstance(inputs, UnitBatch):
            return inputs.layout
        rows, columns = self.grid
        frames = self.windows.layout(inputs).lengths
        lengths = tuple(min(rows, -(-n // self.patch[0])) * columns for n in frames)
        return Layout(lengths, inputs.waveforms.device, grid=self.grid)

    def features(self, inputs: SpeechBatch) -> UnitBatch:
        """The patches. See `patches`."""
        return UnitBatch(self.patches(inputs), self.layout(inputs), labels=inputs.labels, index=inputs.index,
                         unit_labels=inputs.unit_labels, target=inputs.target)  # fmt: skip

    def project(self, features: Tensor, layout: Layout) -> Tensor:
        return self.linear(features.to(self.linear.weight.dtype))

    def patches(self, inputs: SpeechBatch) -> Tensor:
        """(U, P * Q) float32: the normalised log-mels of each patch, frame by frame.

        Raises:
            ValueError: recordings of another sample rate, or shorter than one frame.
        """
        high, wide = self.patch
        spectrograms = self.spectrograms(inputs).unflatten(2, (-1, wide)).unflatten(1, (-1, high))  # (B, T / P, P, M / Q, Q)
        patches = spectrograms.transpose(2, 3).flatten(3).flatten(1, 2)  # (B, N, P Q)
        return torch.cat([x[:n] for x, n in zip(patches, self.layout(inputs).lengths, strict=True)])

    def spectrograms(self, inputs: SpeechBatch) -> Tensor:
        """(B, T, M) float32, normalised. See `patches`."""
        whole = self.windows.layout(inputs)
        with torch.autocast(whole.device.type, enabled=False):
            recordings = log_mel(inputs, whole, self.windows, self.mels, self.eps).split(whole.lengths)
            return torch.stack([self._fitted(frames[: self.frames]) for frames in recordings])

    def _fitted(self, frames: Tensor) -> Tensor:
        """At most T frames (_, M) -> (T, M), normalised."""
        frames = (frames - frames.mean()) * (frames.var(correction=0) + 1e-5).rsqrt()
        return F.pad(frames, (0, 0, 0, self.frames - len(frames)))
