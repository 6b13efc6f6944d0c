"""The last unit of each example, which in a causal model has seen all of it."""

from torch import Tensor

from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.types import Layout


class Last(Pooling):
    """units[last unit of each example]."""

    def forward(self, units: Tensor, layout: Layout) -> Tensor:
        return units[layout.offsets[1:].long() - 1]
