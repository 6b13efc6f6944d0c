"""The slot that says which blocks a unit passes, and how often."""

from abc import abstractmethod
from collections.abc import Iterator

from torch import Tensor, nn

from lit_pretrain.nn.block import Block
from lit_pretrain.nn.context import Context
from lit_pretrain.part import Part


class Depth(Part):
    """Makes the blocks from a prototype and runs them.

    Attributes:
        num_layers: block passes at full depth.
    """

    num_layers: int

    @abstractmethod
    def build(self, block: Block) -> nn.ModuleList: ...

    @abstractmethod
    def run(self, blocks: nn.ModuleList, x: Tensor, context: Context) -> Iterator[Tensor]:
        """The units (U, D) after each pass, in order; `num_layers` of them."""
