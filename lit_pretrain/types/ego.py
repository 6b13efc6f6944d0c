"""Anonymous surroundings of nodes. Legend: B examples, N nodes of all graphs."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from lit_pretrain.types.graph import GraphBatch


@dataclass
class EgoBatch(GraphBatch):
    """Graphs of which nothing is known but their edges and the node that each was drawn around, its root.

    Their `features` are (N, 1) float32, one at roots and zero elsewhere.
    """

    @classmethod
    def of(cls, graphs: GraphBatch, roots: Tensor) -> Self:
        """
        Args:
            graphs: what they know of nodes and edges is left out.
            roots: (N,) bool.
        """
        return cls(roots[:, None].float(), graphs.edges, graphs.lengths)

    @property
    def roots(self) -> Tensor:
        """(N,) bool."""
        return self.features[:, 0] > 0
