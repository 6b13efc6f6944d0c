"""The slot that turns hidden units into scores over a vocabulary. Legend: N units, D and E widths, V vocabulary."""

from abc import abstractmethod

import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.kernels.linear_cross_entropy import linear_cross_entropy
from lit_pretrain.part import Part
from lit_pretrain.types import Encoder


class Head(Part):
    """(N, D) -> logits (N, V). It ends with a linear map, and is left behind at transfer."""

    @abstractmethod
    def last(self, units: Tensor, encoder: Encoder) -> tuple[Tensor, Tensor, Tensor | None]:
        """What the linear map reads, (N, E), its weight (V, E) and its bias (V,).

        `encoder` lends its token table to heads that are tied to it.
        """

    def forward(self, units: Tensor, encoder: Encoder) -> Tensor:
        return F.linear(*self.last(units, encoder))

    def cross_entropy(self, units: Tensor, targets: Tensor, encoder: Encoder, *, weights: Tensor | None = None) -> Tensor:
        """Sum over units of -log p(target), with the softmax in fp32; the logits are never all in memory.

        Args:
            targets: (N,) int64; below 0: none.
            weights: (N,) factors of the units.
        """
        x, weight, bias = self.last(units, encoder)
        return linear_cross_entropy(x, weight, targets, bias, row_weights=weights)
