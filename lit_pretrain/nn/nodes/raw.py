"""Features as they are, for networks whose first layer multiplies them."""

import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.nn.nodes.base import Nodes, check_features
from lit_pretrain.types import GraphBatch


class Raw(Nodes):
    """(N, F) numbers, unchanged.

    Args:
        features: F.
        normalise: divide each node's features by their sum, as is usual for bags of words.
    """

    def __init__(self, features: int, normalise: bool = False):
        super().__init__()
        self.dim, self.normalise = features, normalise

    def forward(self, inputs: GraphBatch) -> Tensor:
        check_features(inputs, self.dim, categories=False)
        return F.normalize(inputs.features, p=1.0) if self.normalise else inputs.features
