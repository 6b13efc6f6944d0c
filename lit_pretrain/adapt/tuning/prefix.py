"""Learned keys and values."""

from torch import nn

from lit_pretrain.adapt.tuning.prefixed import Prefixed
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.types import Encoder


class Prefix(Tuning):
    """In each block every unit also attends to a few learned keys and values, and only these train (arXiv 2101.00190).

    They are learned as they are, as in P-tuning v2 (arXiv 2110.07602), and not through a network.

    Args:
        length: keys of a block.
    """

    def __init__(self, length: int = 8):
        super().__init__()
        if length < 1:
            raise ValueError(f"length={length} must be at least 1")
        self.length = length

    def prepare(self, encoder: Encoder) -> Encoder:
        return Prefixed(encoder, self.length)

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        return [encoder.prefixes]
