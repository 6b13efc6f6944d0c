"""The error rate as a metric that adds up over batches and ranks."""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from lit_pretrain.downstream.decoding.error_rate import edit_distance
from lit_pretrain.types import Outcomes


class ErrorRate(Metric):
    """Edit distance of all sequences over the length of all references; may exceed 1.

    Where all references are empty, it is the number of labels inserted.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    edits: list[Tensor]
    lengths: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("edits", [], dist_reduce_fx="cat")
        self.add_state("lengths", [], dist_reduce_fx="cat")

    def update(self, hypotheses: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Hashable]]) -> None:
        edits = [edit_distance(x, y) for x, y in zip(hypotheses, references, strict=True)]
        self.edits.append(torch.tensor(edits, device=self.device))
        self.lengths.append(torch.tensor(list(map(len, references)), device=self.device))

    def compute(self) -> Tensor:
        return dim_zero_cat(self.edits).sum() / dim_zero_cat(self.lengths).sum().clamp(min=1)

    def outcomes(self) -> Outcomes:
        """Of each example since the last reset."""
        return Outcomes(dim_zero_cat(self.edits)[:, None], dim_zero_cat(self.lengths)[:, None]).cpu()
