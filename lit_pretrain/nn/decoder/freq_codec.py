"""The decoder of FreqCodec. Legend: B recordings, T units of the longest, U units of all end to end, D width."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.nn.decoder.codec import CodecDecoder
from lit_pretrain.nn.embedding.spectrum import Spectrum
from lit_pretrain.types import Layout


class FreqCodecDecoder(CodecDecoder):
    """(U, D) -> (B, T hop) waveforms by way of a spectrogram softplus(m) (c + i s), for channels m, c and s of the last
    convolution (FunCodec, arXiv 2309.07405): `FreqCodecEncoder` of the same arguments in reverse.

    Args:
        dim: D.
        width: channels of the last stage.
        strides: in frequency and in time, of each stage, in the encoder's order.
        window: samples of a frame.
        step: samples from one frame to the next.
        depth: residual units of a stage.
        kernel: of the first and the last convolution, along each axis.
        residual_kernel: of the residual units, along each axis.
        dilation: of unit i in time, to the power of i.
        lstm_layers: before the first stage.

    Raises:
        ValueError: the strides in frequency do not divide window / 2.
    """

    def __init__(
        self,
        dim: int = 128,
        width: int = 32,
        strides: Sequence[tuple[int, int]] = ((4, 1), (4, 1), (4, 2), (4, 1)),
        window: int = 512,
        step: int = 160,
        depth: int = 1,
        kernel: int = 7,
        residual_kernel: int = 3,
        dilation: int = 1,
        lstm_layers: int = 0,
    ):
        spectrum = Spectrum(window, step)
        super().__init__((3, spectrum.frequencies), step, dim, width, [tuple(s) for s in strides], depth, kernel,
                         residual_kernel, dilation, lstm_layers)  # fmt: skip
        self.spectrum = spectrum

    def forward(self, units: Tensor, layout: Layout) -> Tensor:
        magnitude, cosine, sine = self.maps(units, layout).float().unbind(1)  # each (B, F, frames)
        frames = torch.tensor(layout.lengths) * (self.hop // self.spectrum.step)
        valid = torch.arange(magnitude.shape[2])[None] < frames[:, None]
        spectrogram = F.softplus(magnitude) * torch.complex(cosine, sine)
        return self.spectrum.inverse(spectrogram, valid.to(units.device, non_blocking=True))
