"""Nodes by their degree. Legend: N nodes."""

from torch import Tensor

from lit_pretrain.nn.graph_tokenizer.order import NodeOrder
from lit_pretrain.types import GraphBatch


class DegreeOrder(NodeOrder):
    """All nodes of a graph, the best linked last, where a recurrence has seen the others (Graph-Mamba, arXiv 2402.00789)."""

    def keys(self, inputs: GraphBatch) -> list[Tensor]:
        return [inputs.edges.degrees]
