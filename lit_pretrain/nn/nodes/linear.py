"""Features through a linear map."""

from torch import Tensor, nn

from lit_pretrain.nn.nodes.base import Nodes, check_features
from lit_pretrain.types import GraphBatch


class Linear(Nodes):
    """(N, F) numbers -> (N, D).

    Args:
        features: F.
        dim: D.
    """

    def __init__(self, features: int, dim: int):
        super().__init__()
        self.dim, self.linear = dim, nn.Linear(features, dim)

    def forward(self, inputs: GraphBatch) -> Tensor:
        check_features(inputs, self.linear.in_features, categories=False)
        return self.linear(inputs.features)
