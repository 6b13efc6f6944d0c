"""Conformer (arXiv 2005.08100)."""

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.conformer_block import ConformerBlock
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.front_end import FrontEnd
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.he_convolutions import HeConvolutions
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.mixer.convolution_module import ConvolutionModule
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.position.rotary import Rotary
from lit_pretrain.nn.residual.pre_norm import PreNorm


class Conformer(Transformer):
    """Blocks of attention and convolution over the units of a front end; pooled is the mean of the units.

    The paper's attention has relative sine positions; here rotary ones (arXiv 2104.09864) are the default.

    Args:
        front_end: recordings -> features -> units, such as `LogMelFrames(256, stack=4)`; it sets the width D.
        num_layers, num_heads: of the stack; 16 and 4 in the paper's middle size.
        hidden: inner width of the feed-forward networks; default 4 D.
        kernel_size: of the convolutions, odd.
        dropout: of embeddings, attention weights, inside feed-forward networks and of sub-layers.
        position: where units stand; default: rotary.
        maskable: learn a vector that replaces masked units; objectives that mask units need it.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        num_layers: int = 16,
        num_heads: int = 4,
        *,
        hidden: int | None = None,
        kernel_size: int = 31,
        dropout: float = 0.1,
        position: Position | None = None,
        maskable: bool = False,
    ):
        dim = front_end.dim
        block = ConformerBlock(
            Attention(dim, num_heads, dropout=dropout),
            ConvolutionModule(dim, kernel_size),
            MLP(dim, hidden, "silu", dropout=dropout),
            PreNorm(LayerNorm(dim), dropout),
            LayerNorm(dim),
        )
        super().__init__(
            front_end,
            block,
            Plain(num_layers),
            position or Rotary(dim // num_heads),
            dropout=dropout,
            init=HeConvolutions(0.02),
            maskable=maskable,
        )
