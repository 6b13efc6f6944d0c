"""OPT (arXiv 2205.01068). Legend: U units, D width of the blocks, T width of the token table."""

from dataclasses import replace

from torch import Tensor, nn

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.factorized import FactorizedEmbedding
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.base import Activation
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.normal import Normal
from lit_pretrain.nn.mixer.attention import CausalAttention
from lit_pretrain.nn.mixer.cache import KeyValueCache
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.pooling.last import Last
from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.nn.residual.post_norm import PostNorm
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.types import Batch, Encoded


class OPT(Transformer):
    """Causal, Pre-LN, learned positions, ReLU; pooled is the last unit. Defaults: opt-125m.

    Args:
        vocab_size: V.
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        table_dim: T; default D. Another width (512 in opt-350m) adds a projection from the table to the blocks and one
            back, so that units have the width T.
        max_length: longest example; its table of positions has two rows before position 0.
        dropout: of sub-layers.
        attention_dropout: of the attention weights.
        pre_norm: false in opt-350m, which is Post-LN and has no final norm.
        bias: of the linear maps in the blocks.
        activation: of the feed-forward networks.
    """

    def __init__(
        self,
        vocab_size: int = 50272,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        table_dim: int | None = None,
        max_length: int = 2048,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        pre_norm: bool = True,
        bias: bool = True,
        activation: Activation = "relu",
    ):
        narrow = table_dim is not None and table_dim != dim
        super().__init__(
            FactorizedEmbedding(vocab_size, table_dim, dim) if narrow else TokenEmbedding(vocab_size, dim),
            Block(
                CausalAttention(dim, num_heads, dropout=attention_dropout, bias=bias),
                MLP(dim, hidden, activation, bias=bias),
                (PreNorm if pre_norm else PostNorm)(LayerNorm(dim), dropout),
            ),
            Plain(num_layers),
            Learned(dim, max_length, offset=2),
            final_norm=LayerNorm(dim) if pre_norm else None,
            pooling=Last(),
            init=Normal(0.02),
        )
        self.narrow = nn.Linear(dim, table_dim, bias=False) if narrow else None
        if self.narrow is not None:
            self.dim = table_dim
            nn.init.normal_(self.narrow.weight, std=0.02)

    def forward(
        self,
        inputs: Batch,
        *,
        keep: Tensor | None = None,
        mask: Tensor | None = None,
        layers: bool = False,
        source: Encoded | None = None,
        cache: KeyValueCache | None = None,
    ) -> Encoded:
        encoded = super().forward(inputs, keep=keep, mask=mask, layers=layers, source=source, cache=cache)
        if self.narrow is None:
            return encoded
        units = self.narrow(encoded.units)  # (U, D) -> (U, T)
        return replace(encoded, units=units, pooled=self.pooling(units, encoded.layout))
