"""Encodings in which nothing is learned. Legend: N nodes, D numbers of each."""

from abc import abstractmethod

from torch import Tensor

from lit_pretrain.nn.graph_position.base import GraphPosition
from lit_pretrain.nn.graph_position.dense import once
from lit_pretrain.types import GraphBatch


class FixedPosition(GraphPosition):
    """Computed once for each set of edges, without gradients."""

    def forward(self, inputs: GraphBatch) -> Tensor:
        key = (type(self), repr(sorted(self._init_args.items())))
        return once(inputs.edges, key, lambda: self.compute(inputs))

    @abstractmethod
    def compute(self, inputs: GraphBatch) -> Tensor:
        """(N, D) float32."""
