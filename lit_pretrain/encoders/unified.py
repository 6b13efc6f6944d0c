"""One Transformer that is encoder, decoder or both (UniLM, arXiv 1905.03197)."""

from lit_pretrain.encoders.modern import Modern
from lit_pretrain.nn.embedding.whole_prefix import WholePrefix
from lit_pretrain.nn.mixer.attention import PrefixAttention
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.nn.pooling.mean import Mean


class UnifiedTransformer(Modern):
    """Blocks of `ModernTransformer`; which units see each other is the batch's `prefix`.

    None: all of them (encoder). 0: each sees those before it (decoder). n: all see the first n, and those after them see
    what is before them too (both). Pooled is the mean of the units.

    Args:
        vocab_size: V.
        dim: D.
        num_layers, num_heads: of the stack.
        hidden: inner width of the gated networks; default 8/3 D.
        dropout: of embeddings and sub-layers.
        pooling: one vector an example.
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
        mixer = PrefixAttention(dim, num_heads, bias=False)
        super().__init__(WholePrefix(vocab_size, dim), mixer, pooling, num_layers, num_heads, hidden, dropout)
