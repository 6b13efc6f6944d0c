"""What decoders of neural codecs have in common.

Legend: B recordings, C channels, F frequencies, T units of the longest recording, U units of all end to end, D width.
"""

from abc import abstractmethod
from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from lit_pretrain.nn.convnet.seanet import Convolution, Recurrence, Residuals, Sizes, Transposed, coarse
from lit_pretrain.part import Part
from lit_pretrain.types import Layout


class CodecDecoder(Part):
    """convolution -> LSTM, if any -> [ELU -> transposed convolution to half the channels -> residual units] for each
    stride -> ELU -> convolution: the encoder of the same arguments (`CodecEncoder`) in reverse.

    Args:
        maps: channels C and frequencies F of what `maps` gives; one frequency of a waveform.
        step: samples from one frame of the maps to the next.
        dim: D.
        width: channels of the last stage.
        strides: by axis, of each stage, in the encoder's order.
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
        self.hop = step * prod(stride[-1] for stride in strides)
        wide = width * 2 ** len(strides)
        left = coarse(frequencies, strides)
        self.shape = (wide, left)[:axes]
        self.stem = Convolution(dim, wide * left, (kernel,))
        self.recurrence = Recurrence(wide * left, lstm_layers) if lstm_layers else nn.Identity()
        self.stages = nn.ModuleList()
        for stride in reversed(strides):
            up, wide = Transposed(wide, wide // 2, stride), wide // 2
            residuals = Residuals(wide, depth, (residual_kernel,) * axes, dilation)
            self.stages.append(nn.Sequential(nn.ELU(), up, residuals))
        self.out = nn.Sequential(nn.ELU(), Convolution(width, channels, (kernel,) * axes))

    @abstractmethod
    def forward(self, units: Tensor, layout: Layout) -> Tensor:
        """(U, D) -> (B, T hop): waveforms side by side; what lies after the last unit of a recording means nothing."""

    def maps(self, units: Tensor, layout: Layout) -> Tensor:
        """(U, D) -> (B, C, T hop / step), or (B, C, F, T hop / step)."""
        padded = units.new_zeros(layout.num_examples, layout.max_length, units.shape[1])
        padded[layout.example, layout.position] = units
        x = self.recurrence(self.stem(padded.mT)).unflatten(1, self.shape)
        for stage in self.stages:
            x = stage(x)
        return self.out(x)
