"""The slot that turns a batch into units."""

from abc import abstractmethod

from torch import Tensor, nn

from lit_pretrain.part import Part
from lit_pretrain.types import Batch, Layout, UnitBatch


class Embedding(Part):
    """Batch -> units (U, D) and their layout.

    Attributes:
        dim: D.
    """

    dim: int

    @abstractmethod
    def forward(self, inputs: Batch) -> tuple[Tensor, Layout]: ...

    def layout(self, inputs: Batch) -> Layout:
        """Where the units of a batch stand; that of the batch itself unless the embedding changes it."""
        return inputs.layout

    def features(self, inputs: Batch) -> UnitBatch | None:
        """What stands before the projection into the network, where there is a front end (see `FrontEnd`)."""
        return None

    def token_table(self) -> nn.Parameter | None:
        """(V, D) the table of input embeddings, where there is one."""
        return None
