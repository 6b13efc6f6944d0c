"""The slot of positional encodings of nodes: numbers that depend on the edges alone (compared in arXiv 2411.12732)."""

from abc import abstractmethod

from torch import Tensor

from lit_pretrain.part import Part
from lit_pretrain.types import GraphBatch


class GraphPosition(Part):
    """Graphs -> (N, D), where relabelling the nodes relabels the rows.

    Attributes:
        dim: D.
    """

    dim: int

    @abstractmethod
    def forward(self, inputs: GraphBatch) -> Tensor: ...
