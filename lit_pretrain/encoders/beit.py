"""BEiT (arXiv 2106.08254): a ViT that knows where patches stand to each other, with scaled branches."""

from typing import Literal

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.patch import PatchEmbedding
from lit_pretrain.nn.feedforward.base import Activation
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.normal import Normal
from lit_pretrain.nn.mixer.own_position import OwnPositionAttention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.first import First
from lit_pretrain.nn.position.learned_2d import Learned2D
from lit_pretrain.nn.position.relative_2d import Relative2D
from lit_pretrain.nn.residual.layer_scale import LayerScale
from lit_pretrain.nn.residual.pre_norm import PreNorm


class BEiT(Transformer):
    """[CLS] and patches, Pre-LN with LayerScale, GELU, relative position biases. Defaults: beit-base-patch16-224 as it is
    pretrained.

    The published models share one table of biases between all blocks in pretraining, and have one in each block after
    fine-tuning.

    Args:
        image_size: side of the images; relative biases are made for it alone.
        patch_size: side of the patches.
        channels: of the images.
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        dropout: of embeddings, attention weights and sub-layers.
        activation: of the feed-forward networks.
        eps: of the norms.
        layer_scale: where the scales of the branches start; 0: no scales.
        biases: one table of relative biases for all blocks, one in each, or none.
        absolute: learned absolute positions, which do not go together with a shared table.
        pooling: one vector an image: [CLS], or `PatchMean(LayerNorm(D))` as in the fine-tuned models.
        final_norm: a norm after the last block; the published models have none, where they pool patches.
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
        layer_scale: float = 0.1,
        biases: Literal["shared", "each", "none"] = "shared",
        absolute: bool = False,
        pooling: Pooling = First(),
        final_norm: bool = True,
        maskable: bool = False,
    ):
        if biases == "shared" and absolute:
            raise ValueError("biases='shared' and absolute=true are both positions of the whole stack, which has one slot"
                             " for them; take biases='each'")  # fmt: skip
        embedding, norm = PatchEmbedding(image_size, patch_size, channels, dim), LayerNorm(dim, eps)
        relative = None if biases == "none" else Relative2D(num_heads, embedding.grid)
        learned = Learned2D(dim, embedding.grid) if absolute else None
        block = Block(
            OwnPositionAttention(dim, num_heads, position=relative if biases == "each" else None, dropout=dropout),
            MLP(dim, hidden, activation),
            LayerScale(norm, dim, layer_scale, dropout) if layer_scale > 0 else PreNorm(norm, dropout),
        )
        super().__init__(
            embedding,
            block,
            Plain(num_layers),
            relative if biases == "shared" else learned,
            final_norm=norm.copy() if final_norm else None,
            pooling=pooling,
            dropout=dropout,
            init=Normal(0.02),
            maskable=maskable,
        )
