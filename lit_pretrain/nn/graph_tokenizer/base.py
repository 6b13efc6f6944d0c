"""The slot that lays graphs out as sequences (arXiv 2411.15671). Legend: N nodes, T tokens, D width."""

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor

from lit_pretrain.part import Part
from lit_pretrain.types import GraphBatch, Layout


@dataclass(frozen=True)
class GraphTokens:
    """Sequences, of which there may be one a graph or one a node.

    Args:
        vectors: (T, D), each of a node or of several.
        layout: whose token is whose, by sequence.
        nodes: (N,) int64, the token where each node is read.
    """

    vectors: Tensor
    layout: Layout
    nodes: Tensor


class GraphTokenizer(Part):
    """(N, D) vectors of nodes -> tokens of them in sequences that lie within one graph."""

    @abstractmethod
    def forward(self, x: Tensor, inputs: GraphBatch) -> GraphTokens: ...
