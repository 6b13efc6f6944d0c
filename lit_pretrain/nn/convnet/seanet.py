"""Causal convolutions of waveforms and spectrograms (SEANet, arXiv 2009.02095; EnCodec, arXiv 2210.13438).

Legend: B recordings, C channels, T times, the last axis; a spectrogram has F frequencies before it. `Sizes` are those of
every axis: (time,) or (frequency, time).
"""

from collections.abc import Sequence
from math import prod

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

Sizes = tuple[int, ...]


class Convolution(nn.Module):
    """(B, C, ..., T) -> (B, C', ..., T / stride): no time sees a later one. Zeros lie before the start, and around F.

    Args:
        before: C.
        out: C'.
        kernel: its width, by axis.
        stride: a divisor of the size of its axis; None: 1.
        dilation: of the kernel in time.
    """

    def __init__(self, before: int, out: int, kernel: Sizes, stride: Sizes | None = None, dilation: int = 1):
        super().__init__()
        stride = stride or (1,) * len(kernel)
        spread = (*(1,) * (len(kernel) - 1), dilation)
        self.convolution = weight_norm(scaled(convolutions(kernel)[0](before, out, kernel, stride, dilation=spread)))
        around = [(k - 1) * d + 1 - s for k, d, s in zip(kernel, spread, stride, strict=True)]
        self.padding = [around[-1], 0]  # from the last axis to the first, as torch has it
        for total in around[:-1]:
            self.padding += [total - total // 2, total // 2]

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(F.pad(x, self.padding))


class Transposed(nn.Module):
    """(B, C, ..., T) -> (B, C', ..., T * stride), with kernels of twice the stride; no time sees a later one.

    Args:
        before: C.
        out: C'.
        stride: by axis.
    """

    def __init__(self, before: int, out: int, stride: Sizes):
        super().__init__()
        self.convolution = weight_norm(scaled(convolutions(stride)[1](before, out, tuple(2 * s for s in stride), stride)))
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)  # each axis is longer by its stride than it should be
        time, *rest = reversed(self.stride)
        return F.pad(x, [0, -time, *(cut for s in rest for cut in (s // 2 - s, -(s // 2)))])


class Residual(nn.Module):
    """x + conv 1(elu(conv(elu(x)))), through half the channels.

    Args:
        width: C.
        kernel: of the first convolution, by axis.
        dilation: of it in time.
    """

    def __init__(self, width: int, kernel: Sizes, dilation: int):
        super().__init__()
        first = Convolution(width, width // 2, kernel, dilation=dilation)
        self.branch = nn.Sequential(nn.ELU(), first, nn.ELU(), Convolution(width // 2, width, (1,) * len(kernel)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class Residuals(nn.Sequential):
    """Residual units one after the other, unit i with a dilation of `dilation` to the power of i.

    Args:
        width: C.
        depth: their number.
        kernel: by axis.
        dilation: its basis.
    """

    def __init__(self, width: int, depth: int, kernel: Sizes, dilation: int):
        super().__init__(*(Residual(width, kernel, dilation**i) for i in range(depth)))


class Recurrence(nn.Module):
    """x + lstm(x) along time.

    Args:
        width: C.
        layers: of the LSTM.
    """

    def __init__(self, width: int, layers: int):
        super().__init__()
        self.lstm = nn.LSTM(width, width, layers, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.lstm(x.mT)[0].mT


def scaled(convolution: nn.modules.conv._ConvNd) -> nn.Module:
    """With weights that leave the variance as it is. Under torch's own, waveforms fade from layer to layer, and a short run
    does not mend it."""
    seen = convolution.in_channels * prod(convolution.kernel_size)  # inputs of an output
    if convolution.transposed:
        seen //= prod(convolution.stride)
    nn.init.normal_(convolution.weight, std=seen**-0.5)
    nn.init.zeros_(convolution.bias)
    return convolution


def convolutions(sizes: Sizes) -> tuple[type[nn.Module], type[nn.Module]]:
    """The plain and the transposed one for so many axes."""
    return ((nn.Conv1d, nn.ConvTranspose1d), (nn.Conv2d, nn.ConvTranspose2d))[len(sizes) - 1]


def coarse(frequencies: int, strides: Sequence[Sizes]) -> int:
    """How many of them are left after stages of these strides."""
    total = prod(s for stride in strides for s in stride[:-1])
    if frequencies % total:
        raise ValueError(f"strides={list(strides)} make one of {total} frequencies, which does not divide the {frequencies}"
                         " of half a window")  # fmt: skip
    return frequencies // total
