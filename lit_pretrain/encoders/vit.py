"""ViT (arXiv 2010.11929), and the decoder of the same blocks that masked autoencoders put on it."""

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.patch import PatchEmbedding
from lit_pretrain.nn.embedding.units import Units
from lit_pretrain.nn.feedforward.base import Activation
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.base import Init
from lit_pretrain.nn.init.normal import Normal
from lit_pretrain.nn.init.xavier_uniform import XavierUniform
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.first import First
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.position.learned_2d import Learned2D
from lit_pretrain.nn.position.sincos_2d import SinCos2D
from lit_pretrain.nn.residual.pre_norm import PreNorm


class ViT(Transformer):
    """[CLS] and patches, Pre-LN, GELU. Defaults: vit-base-patch16-224.

    Args:
        image_size: side of the images that learned positions are made for; they are interpolated for others.
        patch_size: side of the patches.
        channels: of the images.
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        dropout: of embeddings, attention weights and sub-layers.
        activation: of the feed-forward networks.
        eps: of the norms.
        position: where patches stand, such as `SinCos2D` or `Rotary2D`; default: learned, as in the paper.
        pooling: one vector an image; the paper's is [CLS].
        init: all weights; N(0, 0.02²) in transformers, `XavierUniform` in MAE.
        maskable: learn a vector that replaces masked units; objectives that mask units need it.
    """

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 16,
        channels: int = 3,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
        activation: Activation = "gelu",
        eps: float = 1e-12,
        position: Position | None = None,
        pooling: Pooling = First(),
        init: Init = Normal(0.02),
        maskable: bool = False,
    ):
        embedding = PatchEmbedding(image_size, patch_size, channels, dim)
        super().__init__(
            embedding,
            vit_block(dim, num_heads, hidden, dropout, activation, eps),
            Plain(num_layers),
            position or Learned2D(dim, embedding.grid),
            final_norm=LayerNorm(dim, eps),
            pooling=pooling,
            dropout=dropout,
            init=init,
            maskable=maskable,
        )


class ViTDecoder(Transformer):
    """ViT's blocks over vectors, with sine and cosine positions. Defaults: the decoder of MAE (arXiv 2111.06377).

    Args:
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        eps: of the norms.
        init: all weights; those of MAE's published code by default.
    """

    def __init__(
        self,
        dim: int = 512,
        num_layers: int = 8,
        num_heads: int = 16,
        *,
        hidden: int | None = None,
        eps: float = 1e-12,
        init: Init = XavierUniform(),
    ):
        super().__init__(
            Units(dim),
            vit_block(dim, num_heads, hidden, 0.0, "gelu", eps),
            Plain(num_layers),
            SinCos2D(dim),
            final_norm=LayerNorm(dim, eps),
            pooling=Mean(),
            init=init,
            maskable=True,
        )


def vit_block(dim: int, num_heads: int, hidden: int | None, dropout: float, activation: Activation, eps: float) -> Block:
    """The prototype of ViT's blocks."""
    return Block(
        Attention(dim, num_heads, dropout=dropout),
        MLP(dim, hidden, activation),
        PreNorm(LayerNorm(dim, eps), dropout),
    )
