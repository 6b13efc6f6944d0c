"""ConvBERT (arXiv 2008.02496). Legend: D width of the blocks, T width of the token table."""

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.base import Activation
from lit_pretrain.nn.feedforward.grouped import GroupedMLP
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.normal import Normal
from lit_pretrain.nn.mixer.span_convolution import SpanConvolution
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.pooling.first import First
from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.nn.residual.post_norm import PostNorm


class ConvBERT(Transformer):
    """ELECTRA's network with mixed attention in place of self-attention. Defaults: conv-bert-base.

    conv-bert-medium-small: dim 384, num_heads 8, table_dim 128, num_groups 2.

    Args:
        vocab_size: V.
        dim: D.
        num_layers, num_heads: of the stack; heads before they are split between attention and convolution.
        table_dim: T; default D. Another width adds a projection from the table to the blocks.
        hidden: inner width of the feed-forward networks; default 4 D.
        max_length: longest example.
        head_ratio: by which mixed attention reduces the heads.
        kernel_size: of the convolutions.
        num_groups: of the feed-forward networks; 1: not grouped.
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
        head_ratio: int = 2,
        kernel_size: int = 9,
        num_groups: int = 1,
        dropout: float = 0.1,
        num_types: int = 2,
        activation: Activation = "gelu",
        eps: float = 1e-12,
    ):
        table_dim = table_dim or dim
        grouped = num_groups > 1
        super().__init__(
            TokenEmbedding(vocab_size, table_dim, num_types=num_types),
            Block(
                SpanConvolution(dim, num_heads, head_ratio=head_ratio, kernel_size=kernel_size, dropout=dropout),
                GroupedMLP(dim, hidden, num_groups, activation) if grouped else MLP(dim, hidden, activation),
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
