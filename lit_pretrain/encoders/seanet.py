"""The encoder of SoundStream and EnCodec. Legend: B recordings, S samples of the longest, D width."""

from collections.abc import Sequence

from torch import Tensor

from lit_pretrain.encoders.codec import CodecEncoder


class SEANetEncoder(CodecEncoder):
    """Convolutions of the waveform (SEANet, arXiv 2009.02095, as in EnCodec, arXiv 2210.13438): one unit for each hop.

    All is causal, with weight normalisation and plain skips in the residual units. Zeros lie before the start, where the
    published code has the recording mirrored. Defaults: EnCodec's, with its two layers of LSTM left out.

    Args:
        dim: D.
        width: channels of the first convolution; each stage doubles them.
        strides: of each stage; their product is the hop.
        depth: residual units of a stage; 3 in SoundStream (arXiv 2107.03312).
        kernel: of the first and the last convolution.
        residual_kernel: of the residual units; 7 in SoundStream.
        dilation: of unit i, to the power of i; 3 in SoundStream.
        lstm_layers: after the last stage; 2 in EnCodec, 0 in SoundStream.
    """

    def __init__(
        self,
        dim: int = 128,
        width: int = 32,
        strides: Sequence[int] = (2, 4, 5, 8),
        depth: int = 1,
        kernel: int = 7,
        residual_kernel: int = 3,
        dilation: int = 2,
        lstm_layers: int = 0,
    ):
        super().__init__((1, 1), 1, dim, width, [(s,) for s in strides], depth, kernel, residual_kernel, dilation,
                         lstm_layers)  # fmt: skip

    def maps(self, waveforms: Tensor) -> Tensor:
        return waveforms[:, None]
