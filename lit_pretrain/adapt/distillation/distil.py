"""Fine-tuning with teachers: any encoder, any task, any tuning."""

from lit_pretrain.adapt.distillation.teaching import Teaching
from lit_pretrain.downstream.finetune import FineTune, missing
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Batch, Encoder, Losses, Term


class Distil(FineTune):
    """`FineTune` whose loss is that of a teaching, plus `label_weight` times that of the labels.

    With `label_weight` 0 it needs no labels, so it takes unlabelled data too; metrics are logged of batches that have
    them. What it leaves is an ordinary encoder with its head. Between the pretraining of a small student and its
    fine-tuning on labels it is the second step of pre-trained distillation (arXiv 1908.08962).

    Args:
        encoder: of the student.
        task: head, loss and metrics of the student.
        teaching: what is learned of teachers, such as `SoftLabels`.
        tuning: which weights of the encoder train.
        label_weight: of the task's own loss.
    """

    def __init__(self, encoder: Encoder, task: Task, teaching: Teaching, tuning: Tuning = Full(), label_weight: float = 0.0):
        if label_weight < 0:
            raise ValueError(f"label_weight={label_weight} must be 0 or more")
        super().__init__(encoder, task, tuning)
        teaching.check(task)
        self.teaching, self.label_weight = teaching, label_weight

    def loss(self, batch: Batch) -> Losses:
        labelled = getattr(batch, self.task.needs) is not None
        if self.label_weight and not labelled:
            raise ValueError(missing(self.task))
        with self.teaching.watch():
            encoded = self.task.encode(self.encoder, batch)
        predictions = self.task(encoded)
        losses = self.teaching.losses(self.task, encoded, predictions, batch)
        if labelled and not self.training:
            self.task.update(predictions, encoded, batch)
        if self.label_weight:
            term = self.task.loss(predictions, batch)
            losses |= {"task": Term(term.sum, term.count, self.label_weight)}
        return losses

    def on_validation_epoch_end(self) -> None:
        if any(metric.update_called for metric in self.task.metrics.values()):
            super().on_validation_epoch_end()
        else:
            PretrainModule.on_validation_epoch_end(self)
