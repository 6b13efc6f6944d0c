"""The encoder of FreqCodec. Legend: B recordings, S samples, F frequencies, T frames, D width."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_pretrain.encoders.codec import CodecEncoder
from lit_pretrain.nn.embedding.spectrum import Spectrum


class FreqCodecEncoder(CodecEncoder):
    """Convolutions of the spectrogram over time and frequency (FunCodec, arXiv 2309.07405): one unit for each hop.

    The channels are the logarithm of the magnitude, and cosine and sine of the phase ("mag_phase" in the published code).
    What is left of the frequencies after the last stage is laid side by side. But for half a window, all is causal (the
    published models are not).

    Args:
        dim: D.
        width: channels of the first convolution; each stage doubles them.
        strides: in frequency and in time, of each stage.
        window: samples of a frame.
        step: samples from one frame to the next.
        depth: residual units of a stage.
        kernel: of the first and the last convolution, along each axis.
        residual_kernel: of the residual units, along each axis.
        dilation: of unit i in time, to the power of i.
        lstm_layers: after the last stage; 2 in the published models.

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

    def maps(self, waveforms: Tensor) -> Tensor:
        x = self.spectrum.forward(waveforms)
        magnitude = x.abs().clamp(min=1e-6)
        phase = x / magnitude
        return torch.stack([magnitude.log(), phase.real, phase.imag], 1)
