"""Learning where a teacher looks. Legend: B examples, H heads, L units."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lit_pretrain.adapt.distillation.attention_maps import AttentionMaps
from lit_pretrain.adapt.distillation.teaching import Teaching
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.types import Batch, Encoded, Encoder, Losses, Term


class AttentionTransfer(Teaching):
    """Attention distillation (arXiv 2411.09702): a student learns where a teacher looks, and nothing else of it.

        loss = sum over blocks of the mean over heads and units of the cross-entropy of the student's attention weights
               with the teacher's

    It needs the task's own loss beside it: `label_weight` 1 of `Distil`. Student and teacher have equally many heads.

    Args:
        teacher: pretrained.
        num_blocks: the first blocks whose attention is learned; None: all. The paper leaves out the last 3 of 12.
        weight: of the loss.

    Raises:
        ValueError: maps of student and teacher do not fit each other, or their kernels show none.
    """

    def __init__(self, teacher: Encoder, num_blocks: int | None = None, weight: float = 1.0):
        super().__init__(teacher)
        if weight <= 0 or not 0 < (teacher.num_layers if num_blocks is None else num_blocks) <= teacher.num_layers:
            raise ValueError(f"weight={weight} must be above 0, and num_blocks={num_blocks} between 1 and"
                             f" {teacher.num_layers}")  # fmt: skip
        self.num_blocks, self.weight, self._seen = num_blocks or teacher.num_layers, weight, AttentionMaps()

    @contextmanager
    def watch(self) -> Iterator[None]:
        with AttentionMaps() as self._seen:
            yield

    def losses(self, task: Task, encoded: Encoded, predictions: Any, batch: Batch) -> Losses:
        teacher, layers = self.teachers[0], self.teachers[0].num_layers
        with torch.no_grad(), AttentionMaps() as shown:
            teacher(batch)
        theirs, ours, self._seen = shown.kept, self._seen.kept, AttentionMaps()
        if not theirs or [x.shape for x in theirs] != [x.shape for x in ours] or len(theirs) % layers:
            raise ValueError(f"the teacher shows attention of {_shapes(theirs)} and the student of {_shapes(ours)}: they"
                             " need equal blocks, heads and units, and scaled_dot_product_attention")  # fmt: skip
        calls = len(theirs) // layers * self.num_blocks  # a block has one for all examples, or one for each
        lengths = torch.tensor(encoded.layout.lengths, device=theirs[0].device)
        costs = [_cost(*maps, lengths) for maps in zip(theirs[:calls], ours[:calls], strict=True)]
        return {"attention": Term(torch.stack(costs).sum(), encoded.layout.num_units, self.weight)}


def _cost(teacher: Tensor, student: Tensor, lengths: Tensor) -> Tensor:
    """The sum over units of the cross-entropy of log weights (B, H, L, L), without the padding of a batch of examples."""
    p = teacher.exp()
    costs = -(p * student.masked_fill(p == 0, 0.0)).sum(-1).mean(1)  # (B, L)
    if len(costs) == len(lengths):
        costs = costs.where(torch.arange(costs.shape[1], device=costs.device) < lengths[:, None], 0.0)
    return costs.sum()


def _shapes(maps: list[Tensor]) -> str:
    return ", ".join(dict.fromkeys(str(tuple(x.shape)) for x in maps)) or "no shape"
