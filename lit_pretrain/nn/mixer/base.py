"""The slot that lets units of one example exchange information."""

from abc import abstractmethod

from torch import Tensor

from lit_pretrain.nn.context import Context
from lit_pretrain.part import Part


class Mixer(Part):
    """(U, D) -> (U, D). It must respect `context.layout`: no unit may depend on another example's."""

    @abstractmethod
    def forward(self, x: Tensor, context: Context) -> Tensor: ...
