"""The error rate as a metric that adds up over batches and ranks."""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from lit_pretrain.downstream.decoding.error_rate import edit_distance


class ErrorRate(Metric):
    """Edit distance of all sequences over the length of all references; may exceed 1.

    Where all references are empty, it is the number of labels inserted.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    edits: Tensor
    length: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("edits", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("length", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, hypotheses: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Hashable]]) -> None:
        self.edits += sum(edit_distance(x, y) for x, y in zip(hypotheses, references, strict=True))
        self.length += sum(map(len, references))

    def compute(self) -> Tensor:
        return self.edits / self.length.clamp(min=1)
