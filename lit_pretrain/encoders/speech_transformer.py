"""A Transformer over the units of any front end of speech."""

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.front_end import FrontEnd
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.he_convolutions import HeConvolutions
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.position.sinusoidal import Sinusoidal
from lit_pretrain.nn.residual.pre_norm import PreNorm


class SpeechTransformer(Transformer):
    """Pre-LN blocks with sine and cosine positions (arXiv 1706.03762), GELU; pooled is the mean of the units.

    Args:
        front_end: recordings -> features -> units, such as `LogMelFrames`; it sets the width D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        dropout: of embeddings, attention weights and sub-layers.
        maskable: learn a vector that replaces masked units; objectives that mask units need it.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        dropout: float = 0.1,
        maskable: bool = False,
    ):
        dim = front_end.dim
        super().__init__(
            front_end,
            Block(Attention(dim, num_heads, dropout=dropout), MLP(dim, hidden), PreNorm(LayerNorm(dim), dropout)),
            Plain(num_layers),
            Sinusoidal(dim),
            final_norm=LayerNorm(dim),
            dropout=dropout,
            init=HeConvolutions(0.02),
            maskable=maskable,
        )
