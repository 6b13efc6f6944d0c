"""The mean over an example's units."""

import torch
from torch import Tensor

from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.types import Layout


class Mean(Pooling):
    """Summed in fp32, because bf16 loses units of long examples."""

    def forward(self, units: Tensor, layout: Layout) -> Tensor:
        sums = units.new_zeros((layout.num_examples, units.shape[-1]), dtype=torch.float32)
        sums = sums.index_add(0, layout.example, units.float())
        counts = layout.offsets.diff().clamp(min=1)
        return (sums / counts[:, None]).to(units.dtype)
