"""Learning what a teacher says. Legend: N examples or units, C classes."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.adapt.distillation.teaching import Teaching
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.task.numbers import Numbers
from lit_pretrain.types import Batch, Encoded, Losses, Term


class SoftLabels(Teaching):
    """Distillation (arXiv 1503.02531): a student learns the probabilities that a teacher gives to the classes.

        loss = -T² * mean over examples of sum over classes of p_teacher log p_student,  p = softmax(scores / T)

    With T = 1 and a student that was pretrained it is pre-trained distillation (arXiv 1908.08962). No label is needed. It
    serves tasks with a class an example or a unit.

    Args:
        teacher: fine-tuned on the same classes.
        temperature: T.

    Raises:
        ValueError: teacher or student are of another task, or their classes differ in number.
    """

    def __init__(self, teacher: FineTune, temperature: float = 1.0):
        super().__init__(teacher)
        if temperature <= 0:
            raise ValueError(f"temperature={temperature} must be above 0")
        self.temperature = temperature

    def check(self, task: Task) -> None:
        own = self.teachers[0].task
        for one in (own, task):
            if one.needs not in ("labels", "unit_labels") or isinstance(one, Numbers):
                raise ValueError(f"{type(self).__name__} compares probabilities of classes, and {type(one).__name__} gives"
                                 " none: it serves tasks with a class an example or a unit")  # fmt: skip
        if own.num_classes != task.num_classes or own.needs != task.needs:
            raise ValueError(f"the teacher, {type(own).__name__}, has num_classes={own.num_classes}, and the student,"
                             f" {type(task).__name__}, num_classes={task.num_classes}: they must be the same")  # fmt: skip

    def losses(self, task: Task, encoded: Encoded, predictions: Any, batch: Batch) -> Losses:
        teacher = self.teachers[0]
        with torch.no_grad():
            said = _joined(teacher.task.decode(teacher.task(teacher.task.encode(teacher.encoder, batch))))
        found = _joined(task.decode(predictions))
        if said.shape != found.shape:
            raise ValueError(f"the teacher gives {len(said)} units and the student {len(found)}: their encoders must cut"
                             " examples alike")  # fmt: skip
        costs = self.costs(said / self.temperature, found / self.temperature) * self.temperature**2
        return {"teacher": Term(costs.sum(), len(costs))}

    def costs(self, teacher: Tensor, student: Tensor) -> Tensor:
        """(N,) of scores (N, C)."""
        return F.cross_entropy(student, teacher.softmax(1), reduction="none")


def _joined(scores: Tensor | list[Tensor]) -> Tensor:
    """(N, C) in fp32, of all examples or of one each."""
    return (torch.cat(scores) if isinstance(scores, list) else scores).float()
