"""The slot of weight initialisation."""

from abc import abstractmethod

from torch import nn

from lit_pretrain.part import Part


class Init(Part):
    """Sets all weights of a stack; called once, when an encoder is built."""

    @abstractmethod
    def apply_to(self, encoder: nn.Module) -> None: ...
