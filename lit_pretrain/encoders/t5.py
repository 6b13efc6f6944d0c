"""T5 (arXiv 1910.10683), with gated=True T5 v1.1 (arXiv 2002.05202) and ByT5 (arXiv 2105.13626).

Both halves are Pre-LN with RMSNorm, biases on relative positions shared by all blocks, no biases in linear maps, and no
scaling of attention scores. (transformers also drops out the units after the final norm; here they stay whole.)
"""

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.base import FeedForward
from lit_pretrain.nn.feedforward.glu import GLU
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.fan_in import FanIn
from lit_pretrain.nn.mixer.attention import Attention, CausalAttention, CrossAttention
from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.pooling.last import Last
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.position.t5_relative import T5Relative
from lit_pretrain.nn.residual.pre_norm import PreNorm


def _feedforward(dim: int, hidden: int | None, gated: bool, dropout: float) -> FeedForward:
    hidden = hidden or 4 * dim
    if gated:
        return GLU(dim, hidden, "gelu_tanh", bias=False, dropout=dropout)
    return MLP(dim, hidden, "relu", bias=False, dropout=dropout)


class T5Encoder(Transformer):
    """The bidirectional half; pooled is the mean. Defaults: t5-base.

    Args:
        vocab_size: V.
        dim: D.
        num_layers, num_heads: of the stack.
        head_dim: width of a head; default D / num_heads.
        hidden: inner width of the feed-forward networks; default 4 D.
        gated: gated GELU in place of ReLU, as in T5 v1.1 and ByT5.
        num_buckets, max_distance: of the relative positions.
        dropout: of embeddings, attention weights, feed-forward networks and sub-layers.
        eps: of the norms.
    """

    def __init__(
        self,
        vocab_size: int = 32128,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        head_dim: int | None = None,
        hidden: int | None = None,
        gated: bool = False,
        num_buckets: int = 32,
        max_distance: int = 128,
        dropout: float = 0.1,
        eps: float = 1e-6,
    ):
        super().__init__(
            TokenEmbedding(vocab_size, dim),
            Block(
                Attention(dim, num_heads, bias=False, head_dim=head_dim, dropout=dropout, scale=1.0),
                _feedforward(dim, hidden, gated, dropout),
                PreNorm(RMSNorm(dim, eps), dropout),
            ),
            Plain(num_layers),
            T5Relative(num_heads, num_buckets, max_distance),
            final_norm=RMSNorm(dim, eps),
            pooling=Mean(),
            dropout=dropout,
            init=FanIn(),
        )


class T5Decoder(Transformer):
    """The causal half, which looks at the encoder's units (`source`); pooled is the last unit. Defaults: t5-base.

    Args:
        vocab_size, dim, num_layers, num_heads, head_dim, hidden, gated, num_buckets, max_distance, dropout, eps: see
            `T5Encoder`.
    """

    def __init__(
        self,
        vocab_size: int = 32128,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        head_dim: int | None = None,
        hidden: int | None = None,
        gated: bool = False,
        num_buckets: int = 32,
        max_distance: int = 128,
        dropout: float = 0.1,
        eps: float = 1e-6,
    ):
        super().__init__(
            TokenEmbedding(vocab_size, dim),
            Block(
                CausalAttention(dim, num_heads, bias=False, head_dim=head_dim, dropout=dropout, scale=1.0),
                _feedforward(dim, hidden, gated, dropout),
                PreNorm(RMSNorm(dim, eps), dropout),
                cross=CrossAttention(dim, num_heads, bias=False, head_dim=head_dim, dropout=dropout, scale=1.0),
            ),
            Plain(num_layers),
            T5Relative(num_heads, num_buckets, max_distance),
            final_norm=RMSNorm(dim, eps),
            pooling=Last(),
            dropout=dropout,
            init=FanIn(),
        )
