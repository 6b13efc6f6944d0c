"""ViT's blocks over patches of spectrograms (Audio-MAE, arXiv 2207.06405)."""

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.encoders.vit import vit_block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.log_mel_patches import LogMelPatches
from lit_pretrain.nn.init.xavier_uniform import XavierUniform
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.position.sincos_2d import SinCos2D


class SpectrogramViT(Transformer):
    """Patches, Pre-LN, GELU, first weights as MAE's; pooled is the mean of the units. Defaults: Audio-MAE's encoder of base
    size.

    Args:
        embedding: recordings -> patches; it sets the width D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        dropout: of embeddings, attention weights and sub-layers.
        eps: of the norms.
        position: where patches stand; default: sines and cosines of steps in time and bands of mels.
        pooling: one vector a recording.
        maskable: learn a vector that replaces masked units; objectives that mask units need it.
    """

    def __init__(
        self,
        embedding: LogMelPatches,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
        eps: float = 1e-6,
        position: Position | None = None,
        pooling: Pooling = Mean(),
        maskable: bool = False,
    ):
        dim = embedding.dim
        super().__init__(
            embedding,
            vit_block(dim, num_heads, hidden, dropout, "gelu", eps),
            Plain(num_layers),
            position or SinCos2D(dim),
            final_norm=LayerNorm(dim, eps),
            pooling=pooling,
            dropout=dropout,
            init=XavierUniform(),
            maskable=maskable,
        )
