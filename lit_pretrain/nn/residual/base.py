"""The slot that says where norms and shortcuts stand around the sub-layers of a block."""

from abc import abstractmethod
from collections.abc import Callable
from copy import deepcopy

from torch import Tensor, nn

from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.part import Part

SubLayer = Callable[[Tensor], Tensor]


class Residual(Part):
    """A prototype in a configuration; `at` makes the one of a certain block.

    Args:
        norm: prototype, copied for each sub-layer.
        dropout: of each sub-layer's output.
    """

    def __init__(self, norm: Norm, dropout: float = 0.0):
        super().__init__()
        self.norm, self.dropout = norm, nn.Dropout(dropout)

    def at(self, layer: int, num_layers: int, num_sublayers: int) -> "Residual":
        """The layout of block `layer` (from 0) of `num_layers`, with its own norms."""
        own = deepcopy(self)
        own.norms = nn.ModuleList(self.norm.copy() for _ in range(num_sublayers))
        del own.norm
        return own

    @abstractmethod
    def forward(self, x: Tensor, sublayers: list[SubLayer]) -> Tensor:
        """(U, D) -> (U, D) through mixer(s) and feed-forward, in order."""
