"""The slot that turns hidden units into scores over a vocabulary. Legend: N units, D width, V vocabulary."""

from abc import abstractmethod

from torch import Tensor

from lit_pretrain.part import Part
from lit_pretrain.types import Encoder


class Head(Part):
    """(N, D) -> logits (N, V). It is left behind at transfer."""

    @abstractmethod
    def forward(self, units: Tensor, encoder: Encoder) -> Tensor:
        """`encoder` lends its token table to heads that are tied to it."""
