"""What encoders of neural codecs have in common.

Legend: B recordings, S samples of the longest, C channels, U units of all recordings end to end, D width.
"""

from abc import abstractmethod
from collections.abc import Sequence
from math import prod

import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.nn.convnet.seanet import Convolution, Recurrence, Residuals, Sizes, coarse
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.types import Encoded, Encoder, Layout, SpeechBatch


class CodecEncoder(Encoder):
    """maps -> convolution -> [residual units -> ELU -> strided convolution of twice the channels] for each stride ->
    LSTM, if any -> ELU -> convolution of width D. Everything is causal in what the maps hold.

    Recordings are computed side by side, zeros after their ends, and each gets what it gets alone. Blocks are the strided
    stages. The named layers of a stage, which has several frames for each unit, are means over those of a unit. The
    pooled vector is the mean of the units.

    Args:
        maps: channels and frequencies of what `maps` gives; one frequency of a waveform.
        step: samples from one frame of the maps to the next.
        dim: D.
        width: channels of the first convolution.
        strides: by axis, of each stage.
        depth: residual units of a stage.
        kernel: of the first and the last convolution.
        residual_kernel: of the residual units.
        dilation: of unit i, to the power of i.
        lstm_layers: 0: none.

    Attributes:
        hop: samples of a unit.
    """

    def __init__(
        self,
        maps: tuple[int, int],
        step: int,
        dim: int,
        width: int,
        strides: Sequence[Sizes],
        depth: int,
        kernel: int,
        residual_kernel: int,
        dilation: int,
        lstm_layers: int,
    ):
        super().__init__()
        axes, (channels, frequencies) = len(strides[0]), maps
        self.dim, self.num_layers = dim, len(strides)
        self.hop = step * prod(stride[-1] for stride in strides)
        self.stem = Convolution(channels, width, (kernel,) * axes)
        self.blocks = nn.ModuleList()
        for stride in strides:
            residuals = Residuals(width, depth, (residual_kernel,) * axes, dilation)
            down = Convolution(width, 2 * width, tuple(2 * s for s in stride), stride)
            self.blocks.append(nn.Sequential(residuals, nn.ELU(), down))
            width *= 2
        width *= coarse(frequencies, strides)
        self.recurrence = Recurrence(width, lstm_layers) if lstm_layers else nn.Identity()
        self.out = nn.Sequential(nn.ELU(), Convolution(width, dim, (kernel,)))
        self.pooling = Mean()

    @abstractmethod
    def maps(self, waveforms: Tensor) -> Tensor:
        """(B, S) of which the hop is a divisor, in fp32 -> (B, C, ..., S / step)."""

    def forward(
        self, inputs: SpeechBatch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        if keep is not None or mask is not None:
            raise ValueError(f"{type(self).__name__} can neither leave units out (keep) nor replace them (mask); use"
                             " another encoder, such as Wav2Vec2")  # fmt: skip
        layout, waveforms = self.layout(inputs), inputs.padded().float()
        waveforms = F.pad(waveforms, (0, layout.max_length * self.hop - waveforms.shape[1]))
        x = self.stem(self.maps(waveforms).to(self.stem.convolution.bias.dtype))
        named = {"embedding": flat(x, layout)} if layers else {}
        for i, block in enumerate(self.blocks):
            x = block(x)
            if layers:
                named[f"block{i:02d}"] = flat(x, layout)
        units = flat(self.out(self.recurrence(x.flatten(1, -2))), layout)
        return Encoded(self.pooling(units, layout), units, layout, named)

    def layout(self, inputs: SpeechBatch) -> Layout:
        return Layout(tuple(-(-samples // self.hop) for samples in inputs.lengths), inputs.waveforms.device)


def flat(x: Tensor, layout: Layout) -> Tensor:
    """(B, C, ..., several times the units of the longest) -> (U, C * ...): means over the frames of a unit."""
    x = x.flatten(1, -2)
    if x.shape[2] != layout.max_length:
        x = x.unflatten(2, (layout.max_length, -1)).float().mean(3).to(x.dtype)
    return x.mT[layout.example, layout.position]
