"""Categories, such as the kind of an atom, as the sum of one vector each."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lit_pretrain.nn.nodes.base import Nodes, check_features
from lit_pretrain.types import GraphBatch


class Categories(Nodes):
    """(N, F) int64 -> the sum over the columns of a vector (D,) of each category.

    Args:
        sizes: categories of each of the F columns.
        dim: D.
    """

    def __init__(self, sizes: Sequence[int], dim: int):
        super().__init__()
        if not sizes or min(sizes) < 1:
            raise ValueError(f"sizes={list(sizes)}: each column has at least one category")
        self.sizes, self.dim = tuple(sizes), dim
        starts = torch.tensor((0, *sizes[:-1])).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)
        self.table = nn.Embedding(sum(sizes), dim)  # of all columns, one after the other
        nn.init.xavier_uniform_(self.table.weight)

    def forward(self, inputs: GraphBatch) -> Tensor:
        check_features(inputs, len(self.sizes), categories=True)
        limits = self.starts.new_tensor(self.sizes)
        if bool(((inputs.features < 0) | (inputs.features >= limits)).any()):
            low, high = inputs.features.amin(0).tolist(), inputs.features.amax(0).tolist()
            raise ValueError(f"categories of nodes lie between {low} and {high}: too many for sizes={list(self.sizes)}")
        return self.table(inputs.features + self.starts).sum(1)  # (N, F, D) -> (N, D)
