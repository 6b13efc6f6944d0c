"""Metrics that need all predictions of a split at once."""

from abc import abstractmethod

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class Gathered(Metric):
    """Keeps what it is given, of all batches and ranks. A subclass measures all of it together."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    first: list[Tensor]
    second: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("first", [], dist_reduce_fx="cat")
        self.add_state("second", [], dist_reduce_fx="cat")

    def update(self, first: Tensor, second: Tensor) -> None:
        self.first.append(first)
        self.second.append(second)

    def compute(self) -> Tensor:
        return self.measured(dim_zero_cat(self.first), dim_zero_cat(self.second))

    @abstractmethod
    def measured(self, first: Tensor, second: Tensor) -> Tensor:
        """Of what all calls of `update` gave, one after the other."""
