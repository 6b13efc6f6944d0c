"""The top of the encoder."""

from torch import nn

from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.types import Encoder


class Partial(Tuning):
    """The last blocks and what is above them train (MAE's partial fine-tuning, arXiv 2111.06377).

    Args:
        num_blocks: how many blocks; 0: only the final norm and the pooling.
    """

    def __init__(self, num_blocks: int = 1):
        super().__init__()
        if num_blocks < 0:
            raise ValueError(f"num_blocks={num_blocks} must be 0 or more")
        self.num_blocks = num_blocks

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        blocks = len(encoder.blocks)
        if self.num_blocks > blocks:
            raise ValueError(f"num_blocks={self.num_blocks}: {type(encoder).__name__} has only {blocks} blocks")
        above = [getattr(encoder, name, None) for name in ("final_norm", "pooling")]
        return [*encoder.blocks[blocks - self.num_blocks :], *(m for m in above if isinstance(m, nn.Module))]
