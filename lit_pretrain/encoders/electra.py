"""The network of ELECTRA (arXiv 2003.10555). Legend: D width of the blocks, T width of the token table."""

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.base import Activation
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.normal import Normal
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.pooling.first import First
from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.nn.residual.post_norm import PostNorm


class Electra(Transformer):
    """BERT whose table may be narrower than its blocks. Defaults: electra-base-discriminator.

    electra-small-discriminator: table_dim 128, dim 256, num_heads 4. Its generator is as wide and has 4 heads too; that
    of the base model has dim 256, num_heads 4 and table_dim 768, since the two share their embedding.

    Args:
        vocab_size: V.
        dim: D.
        num_layers, num_heads: of the stack.
        table_dim: T; default D. Another width adds a projection from the table to the blocks.
        hidden: inner width of the feed-forward networks; default 4 D.
        max_length: longest example.
        dropout: of embeddings, attention weights and sub-layers.
        num_types: rows of the segment table.
        activation: of the feed-forward networks.
        eps: of the norms.
    """

    def __init__(
        self,
        vocab_size: int = 30522,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        table_dim: int | None = None,
        hidden: int | None = None,
        max_length: int = 512,
        dropout: float = 0.1,
        num_types: int = 2,
        activation: Activation = "gelu",
        eps: float = 1e-12,
    ):
        table_dim = table_dim or dim
        super().__init__(
            TokenEmbedding(vocab_size, table_dim, num_types=num_types),
            Block(
                Attention(dim, num_heads, dropout=dropout),
                MLP(dim, hidden, activation),
                PostNorm(LayerNorm(dim, eps), dropout),
            ),
            Plain(num_layers),
            Learned(table_dim, max_length),
            dim=dim,
            embedding_norm=LayerNorm(table_dim, eps),
            pooling=First(),
            dropout=dropout,
            init=Normal(0.02),
        )
