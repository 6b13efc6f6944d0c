"""The slot that makes one vector of a node's features."""

from abc import abstractmethod

from torch import Tensor

from lit_pretrain.part import Part
from lit_pretrain.types import GraphBatch


class Nodes(Part):
    """Graphs -> (N, D) of all nodes.

    Attributes:
        dim: D.
    """

    dim: int

    @abstractmethod
    def forward(self, inputs: GraphBatch) -> Tensor: ...


def check_features(inputs: GraphBatch, wanted: int, categories: bool) -> None:
    """
    Raises:
        ValueError: another number of features, or categories where numbers are wanted, or the other way round.
    """
    found, kind = inputs.features.shape[1], ("int64 categories" if categories else "numbers")
    if found != wanted:
        raise ValueError(f"the nodes have {found} features and the encoder was made for {wanted}: set the features or sizes"
                         " of its `nodes`")  # fmt: skip
    if inputs.features.is_floating_point() == categories:
        raise ValueError(f"the features of nodes are {inputs.features.dtype}, and {kind} are wanted: use"
                         f" {'Linear or Raw' if categories else 'Categories'} as the encoder's `nodes`")  # fmt: skip
