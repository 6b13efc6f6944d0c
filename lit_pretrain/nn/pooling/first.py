"""The first unit of each example, such as [CLS] (arXiv 1810.04805)."""

from torch import Tensor

from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.types import Layout


class First(Pooling):
    """units[first unit of each example]."""

    def forward(self, units: Tensor, layout: Layout) -> Tensor:
        return units[layout.offsets[:-1].long()]
