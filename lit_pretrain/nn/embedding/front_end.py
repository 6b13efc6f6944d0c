"""An embedding in two halves: features of the raw signal, then what the network makes of them.

Legend: U units, F width of the features, D width of the network.
"""

from abc import abstractmethod

from torch import Tensor

from lit_pretrain.nn.embedding.base import Embedding
from lit_pretrain.types import Batch, Layout, UnitBatch


class FrontEnd(Embedding):
    """batch -> features (U, F) -> units (U, D).

    Objectives that predict or alter the features ask for them by `Encoder.features` and give them back to the encoder in
    place of the batch, so that nothing is computed twice.

    Attributes:
        feature_dim: F.
        stack: frames that lie one after the other in the features of a unit.
        hop: samples of the signal from one unit to the next.
        sample_rate: of the signals that it is made for; those of another rate are refused.
    """

    feature_dim: int
    stack: int = 1
    hop: int
    sample_rate: int

    @abstractmethod
    def features(self, inputs: Batch) -> UnitBatch:
        """(U, F), with labels and index of the batch."""

    @abstractmethod
    def project(self, features: Tensor, layout: Layout) -> Tensor:
        """(U, F) -> (U, D)."""

    @abstractmethod
    def layout(self, inputs: Batch) -> Layout:
        """Where the units of a batch will stand; of a `UnitBatch`, its own."""

    def forward(self, inputs: Batch) -> tuple[Tensor, Layout]:
        found = inputs if isinstance(inputs, UnitBatch) else self.features(inputs)
        return self.project(found.units, found.layout), found.layout
