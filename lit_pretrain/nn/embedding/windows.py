"""Where the frames of a recording lie, and what is done to them whatever is computed from them.

Legend: B recordings, S samples of the longest, T frames of all recordings, F numbers of a frame.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lit_pretrain.types import Layout, SpeechBatch


def check_rate(inputs: SpeechBatch, sample_rate: int) -> None:
    """Raises ValueError if the recordings have another rate."""
    if inputs.sample_rate != sample_rate:
        raise ValueError(f"recordings of {inputs.sample_rate} samples a second reached a front end for {sample_rate}; set"
                         f" data.init_args.sample_rate={sample_rate}")  # fmt: skip


@dataclass(frozen=True)
class Windows:
    """Frame t looks at samples t * step to t * step + size, so that none looks past the end of its recording.

    Args:
        sample_rate: samples a second.
        window: seconds that a frame looks at.
        hop: seconds from one frame to the next.
    """

    sample_rate: int
    window: float
    hop: float

    def __post_init__(self) -> None:
        if self.step < 1 or self.size < self.step:
            raise ValueError(f"window={self.window} and hop={self.hop} s are {self.size} and {self.step} samples at"
                             f" {self.sample_rate} a second; the hop must be at least 1, the window no shorter")  # fmt: skip

    @property
    def size(self) -> int:
        return round(self.window * self.sample_rate)

    @property
    def step(self) -> int:
        return round(self.hop * self.sample_rate)

    @property
    def fft_size(self) -> int:
        """The next power of two, as in Kaldi."""
        return 1 << (self.size - 1).bit_length()

    def layout(self, inputs: SpeechBatch, least: int = 1) -> Layout:
        """The frames of each recording.

        Raises:
            ValueError: another sample rate, or a recording that has no `least` frames.
        """
        check_rate(inputs, self.sample_rate)
        shortest = self.size + (least - 1) * self.step
        if min(inputs.lengths) < shortest:
            raise ValueError(f"a recording of {min(inputs.lengths)} samples is too short: {least} frame(s) of"
                             f" {self.size} samples take {shortest}; leave such recordings out")  # fmt: skip
        lengths = tuple((samples - self.size) // self.step + 1 for samples in inputs.lengths)
        return Layout(lengths, inputs.waveforms.device)


def standardised(frames: Tensor, layout: Layout, eps: float = 1e-5) -> Tensor:
    """(T, F) -> (T, F): each of the F numbers with mean 0 and variance 1 over the frames of its recording."""
    count = layout.offsets.diff()[:, None]

    def mean(x: Tensor) -> Tensor:
        sums = x.new_zeros(layout.num_examples, x.shape[1]).index_add(0, layout.example, x)
        return (sums / count)[layout.example]

    centred = frames - mean(frames)
    return centred * (mean(centred.square()) + eps).rsqrt()


def stacked(frames: Tensor, layout: Layout, count: int) -> tuple[Tensor, Layout]:
    """(T, F) -> (U, count * F): `count` frames that follow each other become one; a rest that is too short is dropped."""
    if count == 1:
        return frames, layout
    fewer = Layout(tuple(n // count for n in layout.lengths), layout.device)
    first = layout.offsets[:-1].long()[fewer.example] + fewer.position * count
    return frames[first[:, None] + torch.arange(count, device=layout.device)].flatten(1), fewer
