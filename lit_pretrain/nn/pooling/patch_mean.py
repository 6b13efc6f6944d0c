"""The mean of what is not a class token (BEiT, arXiv 2106.08254). Legend: U units, B examples, D width."""

from torch import Tensor

from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.types import Layout


class PatchMean(Pooling):
    """norm(mean over an example's units without the leading ones), summed in fp32.

    Args:
        norm: of the mean; None: none.
    """

    def __init__(self, norm: Norm | None = None):
        super().__init__()
        self.norm = norm

    def forward(self, units: Tensor, layout: Layout) -> Tensor:
        own = (layout.position >= layout.leading).float()  # (U,)
        counts = own.new_zeros(layout.num_examples).index_add(0, layout.example, own).clamp(min=1)
        sums = own.new_zeros(layout.num_examples, units.shape[1])
        sums = sums.index_add(0, layout.example, units.float() * own[:, None])
        mean = (sums / counts[:, None]).to(units.dtype)
        return mean if self.norm is None else self.norm(mean)
