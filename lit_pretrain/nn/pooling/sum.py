"""The sum over an example's units."""

import torch
from torch import Tensor

from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.types import Layout


class Sum(Pooling):
    """Tells graphs apart that differ in size alone, which a mean cannot (GIN, arXiv 1810.00826). In fp32."""

    def forward(self, units: Tensor, layout: Layout) -> Tensor:
        sums = units.new_zeros((layout.num_examples, units.shape[-1]), dtype=torch.float32)
        return sums.index_add(0, layout.example, units.float()).to(units.dtype)
