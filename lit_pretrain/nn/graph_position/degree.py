"""How many edges a node has (the centrality encoding of Graphormer, arXiv 2106.05234). Legend: N nodes, E edges."""

import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.nn.graph_position.base import GraphPosition
from lit_pretrain.types import GraphBatch


class Degree(GraphPosition):
    """One-hot number of the edges that lead to a node; the linear map behind it learns one vector for each degree.

    Args:
        largest: degree with a vector of its own, which all above share.
    """

    def __init__(self, largest: int = 32):
        super().__init__()
        if largest < 1:
            raise ValueError(f"largest={largest} must be at least 1")
        self.dim = largest + 1

    def forward(self, inputs: GraphBatch) -> Tensor:
        return F.one_hot(inputs.edges.degrees.clamp(max=self.dim - 1), self.dim).float()
