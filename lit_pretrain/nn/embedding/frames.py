"""Short overlapping frames of a recording as units.

Legend: T frames of all recordings, N numbers of a frame, U units, F = N * stack, D width of the network.
"""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from lit_pretrain.nn.embedding.front_end import FrontEnd
from lit_pretrain.nn.embedding.windows import Windows, stacked, standardised
from lit_pretrain.types import Batch, Layout, SpeechBatch, UnitBatch


class Frames(FrontEnd):
    """recording -> frames (T, N) -> features (U, F), in fp32 -> a linear map to (U, D).

    Args:
        dim: D.
        numbers: N.
        windows: where the frames lie.
        stack: frames that follow each other and become one unit.
        normalise: give each of the N numbers mean 0 and variance 1 over its recording.
    """

    def __init__(self, dim: int, numbers: int, windows: Windows, stack: int, normalise: bool):
        super().__init__()
        if stack < 1:
            raise ValueError(f"stack={stack}: a unit consists of at least one frame")
        self.dim, self.feature_dim, self.windows, self.stack = dim, numbers * stack, windows, stack
        self.sample_rate, self.hop, self.normalise = windows.sample_rate, windows.step * stack, normalise
        self.linear = nn.Linear(self.feature_dim, dim)

    @abstractmethod
    def frames(self, inputs: SpeechBatch, layout: Layout) -> Tensor:
        """(T, N) the frames that `layout` counts."""

    def layout(self, inputs: Batch) -> Layout:
        if isinstance(inputs, UnitBatch):
            return inputs.layout
        whole = self.windows.layout(inputs, self.stack)
        return Layout(tuple(frames // self.stack for frames in whole.lengths), whole.device)

    def features(self, inputs: SpeechBatch) -> UnitBatch:
        """
        Raises:
            ValueError: recordings of another sample rate, or too short for one unit.
        """
        layout = self.windows.layout(inputs, self.stack)
        with torch.autocast(inputs.waveforms.device.type, enabled=False):
            frames = self.frames(inputs, layout)
            frames = standardised(frames, layout) if self.normalise else frames
            units, layout = stacked(frames, layout, self.stack)
        return UnitBatch(units, layout, labels=inputs.labels, index=inputs.index, unit_labels=inputs.unit_labels,
                         target=inputs.target)  # fmt: skip

    def project(self, features: Tensor, layout: Layout) -> Tensor:
        return self.linear(features.to(self.linear.weight.dtype))
