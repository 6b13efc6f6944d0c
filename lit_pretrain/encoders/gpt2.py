"""GPT-2 (Radford et al., "Language Models are Unsupervised Multitask Learners", OpenAI 2019)."""

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.base import Activation
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.init.normal import Normal
from lit_pretrain.nn.mixer.attention import CausalAttention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.pooling.last import Last
from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.nn.residual.pre_norm import PreNorm


class GPT2(Transformer):
    """Causal, Pre-LN, learned positions, tanh form of GELU; pooled is the last unit. Defaults: gpt2 (124 M).

    Args:
        vocab_size: V.
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the feed-forward networks; default 4 D.
        max_length: longest example.
        dropout: of embeddings, attention weights and sub-layers.
        activation: of the feed-forward networks.
        eps: of the norms.
    """

    def __init__(
        self,
        vocab_size: int = 50257,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        max_length: int = 1024,
        dropout: float = 0.1,
        activation: Activation = "gelu_tanh",
        eps: float = 1e-5,
    ):
        super().__init__(
            TokenEmbedding(vocab_size, dim),
            Block(
                CausalAttention(dim, num_heads, dropout=dropout),
                MLP(dim, hidden, activation),
                PreNorm(LayerNorm(dim, eps), dropout),
            ),
            Plain(num_layers),
            Learned(dim, max_length),
            final_norm=LayerNorm(dim, eps),
            pooling=Last(),
            dropout=dropout,
            init=Normal(0.02),
        )
