"""BERT (arXiv 1810.04805), and by its numbers RoBERTa (arXiv 1907.11692)."""

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


class BERT(Transformer):
    """Post-LN, learned positions, GELU; pooled is the unit of [CLS]. Defaults: bert-base-uncased.

    Args:
        vocab_size: V.
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        max_length: longest example.
        dropout: of embeddings, attention weights and sub-layers.
        num_types: rows of the segment table; RoBERTa: 1.
        position_offset: row of position 0; RoBERTa: 2.
        activation: of the feed-forward networks.
        eps: of the norms; RoBERTa: 1e-5.
    """

    def __init__(
        self,
        vocab_size: int = 30522,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        max_length: int = 512,
        dropout: float = 0.1,
        num_types: int = 2,
        position_offset: int = 0,
        activation: Activation = "gelu",
        eps: float = 1e-12,
    ):
        super().__init__(
            TokenEmbedding(vocab_size, dim, num_types=num_types),
            Block(
                Attention(dim, num_heads, dropout=dropout),
                MLP(dim, hidden, activation),
                PostNorm(LayerNorm(dim, eps), dropout),
            ),
            Plain(num_layers),
            Learned(dim, max_length, position_offset),
            embedding_norm=LayerNorm(dim, eps),
            pooling=First(),
            dropout=dropout,
            init=Normal(0.02),
        )
