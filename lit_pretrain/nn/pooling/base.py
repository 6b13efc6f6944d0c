"""The slot that makes one vector of an example's units. Legend: U units, B examples, D width."""

from abc import abstractmethod

from torch import Tensor

from lit_pretrain.part import Part
from lit_pretrain.types import Layout


class Pooling(Part):
    """(U, D) -> (B, D)."""

    @abstractmethod
    def forward(self, units: Tensor, layout: Layout) -> Tensor: ...
