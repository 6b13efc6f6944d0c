"""The decoder of SoundStream and EnCodec. Legend: B recordings, T units of the longest, U units of all, D width."""

from collections.abc import Sequence

from torch import Tensor

from lit_pretrain.nn.decoder.codec import CodecDecoder
from lit_pretrain.types import Layout


class SEANetDecoder(CodecDecoder):
    """(U, D) -> (B, T hop) waveforms: `SEANetEncoder` of the same arguments in reverse, as causal as it is.

    Args:
        dim: D.
        width: channels of the last stage.
        strides: of each stage, in the encoder's order.
        depth: residual units of a stage.
        kernel: of the first and the last convolution.
        residual_kernel: of the residual units.
        dilation: of unit i, to the power of i.
        lstm_layers: before the first stage.
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

    def forward(self, units: Tensor, layout: Layout) -> Tensor:
        return self.maps(units, layout)[:, 0]
