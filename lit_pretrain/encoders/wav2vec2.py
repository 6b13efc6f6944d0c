"""wav2vec 2.0 (arXiv 2006.11477), whose network HuBERT (arXiv 2106.07447) and others share."""

from collections.abc import Sequence
from typing import Literal

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.waveform_convolutions import WaveformConvolutions
from lit_pretrain.nn.feedforward.base import Activation
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.he_convolutions import HeConvolutions
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.position.convolutional import Convolutional
from lit_pretrain.nn.residual.post_norm import PostNorm
from lit_pretrain.nn.residual.pre_norm import PreNorm


class Wav2Vec2(Transformer):
    """Convolutions of the waveform, convolutional positions, Transformer blocks. Defaults: wav2vec2-base.

    Args:
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        sample_rate: samples a second.
        channels, kernels, strides: of the convolutions.
        norm: of the convolutions; "group" in the base, "layer" in the large models. See `WaveformConvolutions`.
        bias: of the convolutions.
        normalise: give each waveform mean 0 and variance 1.
        gradient_scale: factor on the gradient that reaches the convolutions; 0.1 in the base, 1 in the large models.
        pre_norm: Pre-LN, with a norm after the last block (the large models), instead of Post-LN, with one before the first.
        position_kernel, position_groups: of the convolutional positions.
        dropout: of embeddings, attention weights and sub-layers.
        activation: of the feed-forward networks.
        eps: of the norms.
        maskable: learn a vector that replaces masked units; objectives that mask units need it.
    """

    def __init__(
        self,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        sample_rate: int = 16000,
        channels: Sequence[int] = (512,) * 7,
        kernels: Sequence[int] = (10, 3, 3, 3, 3, 2, 2),
        strides: Sequence[int] = (5, 2, 2, 2, 2, 2, 2),
        norm: Literal["group", "layer"] = "group",
        bias: bool = False,
        normalise: bool = True,
        gradient_scale: float = 0.1,
        pre_norm: bool = False,
        position_kernel: int = 128,
        position_groups: int = 16,
        dropout: float = 0.1,
        activation: Activation = "gelu",
        eps: float = 1e-5,
        maskable: bool = True,
    ):
        residual = PreNorm if pre_norm else PostNorm
        super().__init__(
            WaveformConvolutions(
                dim,
                sample_rate,
                channels,
                kernels,
                strides,
                norm=norm,
                bias=bias,
                normalise=normalise,
                gradient_scale=gradient_scale,
                dropout=dropout,
                eps=eps,
            ),
            Block(
                Attention(dim, num_heads, dropout=dropout),
                MLP(dim, hidden, activation),
                residual(LayerNorm(dim, eps), dropout),
            ),
            Plain(num_layers),
            Convolutional(dim, position_kernel, position_groups),
            embedding_norm=None if pre_norm else LayerNorm(dim, eps),
            final_norm=LayerNorm(dim, eps) if pre_norm else None,
            dropout=dropout,
            init=HeConvolutions(0.02),
            maskable=maskable,
        )
