"""Our default Transformers: what later work kept of the changes to BERT and GPT-2.

Pre-norm with RMSNorm (arXiv 1910.07467), rotary positions (2104.09864), GEGLU (2002.05202), no biases: close to
ModernBERT (2412.13663) and Llama (2302.13971).
"""

import torch

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.base import Embedding
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.embedding.units import Units
from lit_pretrain.nn.feedforward.glu import GLU
from lit_pretrain.nn.mixer.attention import Attention, CausalAttention, CrossAttention, PrefixAttention
from lit_pretrain.nn.mixer.base import Mixer
from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.last import Last
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.position.rotary import Rotary
from lit_pretrain.nn.residual.pre_norm import PreNorm


class Modern(Transformer):
    """What the classes below share; they differ in what a unit may see."""

    def __init__(
        self,
        embedding: Embedding,
        mixer: Mixer,
        pooling: Pooling,
        num_layers: int,
        num_heads: int,
        hidden: int | None,
        dropout: float,
        cross: Mixer | None = None,
        maskable: bool = False,
    ):
        dim = embedding.dim
        block = Block(mixer, GLU(dim, hidden, "gelu", bias=False), PreNorm(RMSNorm(dim), dropout), cross)
        super().__init__(
            embedding, block, Plain(num_layers), Rotary(dim // num_heads),
            embedding_norm=RMSNorm(dim), final_norm=RMSNorm(dim), pooling=pooling, dropout=dropout, maskable=maskable,
        )  # fmt: skip


class ModernTransformer(Modern):
    """Bidirectional; pooled is the mean of the units.

    Args:
        vocab_size: V.
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the gated networks; default 8/3 D.
        dropout: of embeddings and sub-layers.
        pooling: one vector a document; `First` for objectives that train [CLS].
    """

    def __init__(
        self,
        vocab_size: int,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
        pooling: Pooling = Mean(),
    ):
        mixer = Attention(dim, num_heads, bias=False)
        super().__init__(TokenEmbedding(vocab_size, dim), mixer, pooling, num_layers, num_heads, hidden, dropout)


class CausalTransformer(Modern):
    """A unit sees those before it; pooled is the last unit. Arguments as in `ModernTransformer`."""

    def __init__(
        self,
        vocab_size: int,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
        pooling: Pooling = Last(),
    ):
        mixer = CausalAttention(dim, num_heads, bias=False)
        super().__init__(TokenEmbedding(vocab_size, dim), mixer, pooling, num_layers, num_heads, hidden, dropout)


class PrefixTransformer(Modern):
    """Causal after a prefix that all units see; pooled is the last unit. Arguments as in `ModernTransformer`."""

    def __init__(
        self,
        vocab_size: int,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
        pooling: Pooling = Last(),
    ):
        mixer = PrefixAttention(dim, num_heads, bias=False)
        super().__init__(TokenEmbedding(vocab_size, dim), mixer, pooling, num_layers, num_heads, hidden, dropout)


class Decoder(Modern):
    """The causal half of an encoder-decoder, with cross attention. Arguments as in `ModernTransformer`."""

    def __init__(
        self,
        vocab_size: int,
        dim: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
    ):
        mixer, cross = CausalAttention(dim, num_heads, bias=False), CrossAttention(dim, num_heads, bias=False)
        super().__init__(TokenEmbedding(vocab_size, dim), mixer, Last(), num_layers, num_heads, hidden, dropout, cross)


class UnitTransformer(Modern):
    """Bidirectional blocks over vectors, for what stands on an encoder (MAE-LM's decoder, the Condenser head).

    Args:
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the gated networks; default 8/3 D.
        dropout: of the incoming units and of sub-layers.
        maskable: learn a vector for masked units.
    """

    def __init__(
        self,
        dim: int = 768,
        num_layers: int = 2,
        num_heads: int = 12,
        *,
        hidden: int | None = None,
        dropout: float = 0.0,
        maskable: bool = False,
    ):
        mixer = Attention(dim, num_heads, bias=False)
        super().__init__(Units(dim), mixer, Mean(), num_layers, num_heads, hidden, dropout, maskable=maskable)
        if self.mask_vector is not None:
            torch.nn.init.normal_(self.mask_vector)  # as large as the normed units of an encoder
