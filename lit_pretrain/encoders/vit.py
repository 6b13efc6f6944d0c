"""ViT (arXiv 2010.11929)."""

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.patch import PatchEmbedding
from lit_pretrain.nn.feedforward.base import Activation
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.normal import Normal
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.pooling.first import First
from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.nn.residual.pre_norm import PreNorm


class ViT(Transformer):
    """[CLS] and patches, Pre-LN, learned positions, GELU; pooled is the unit of [CLS]. Defaults: vit-base-patch16-224.

    Args:
        image_size: side of the images.
        patch_size: side of the patches.
        channels: of the images.
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        dropout: of embeddings, attention weights and sub-layers.
        activation: of the feed-forward networks.
        eps: of the norms.
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
        maskable: bool = False,
    ):
        embedding = PatchEmbedding(image_size, patch_size, channels, dim)
        super().__init__(
            embedding,
            Block(
                Attention(dim, num_heads, dropout=dropout),
                MLP(dim, hidden, activation),
                PreNorm(LayerNorm(dim, eps), dropout),
            ),
            Plain(num_layers),
            Learned(dim, embedding.num_units),
            final_norm=LayerNorm(dim, eps),
            pooling=First(),
            dropout=dropout,
            init=Normal(0.02),
            maskable=maskable,
        )
