"""Fine-tuning: any encoder, any task, any tuning."""

from typing import Any

from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.objectives.base import PretrainModule, total_steps
from lit_pretrain.types import Batch, Encoder, Losses, Outcomes


class FineTune(PretrainModule):
    """Trains a task's head on an encoder, and of the encoder what the tuning says.

    It is the objective whose targets come with the batch, so it steps, draws, resumes, validates and exports as
    every objective does. The task's metrics are logged as `val/...` and `test/...`. Labelled batches come from
    `lit_pretrain.downstream.labelled.Labelled`, an encoder of an earlier run from
    `lit_pretrain.encoders.checkpoint.FromCheckpoint`.

    Args:
        encoder: pretrained or fresh.
        task: head, loss and metrics.
        tuning: which weights of the encoder train.
    """

    outcomes: Outcomes | None = None  # of the examples of the split that was validated or tested last

    def __init__(self, encoder: Encoder, task: Task, tuning: Tuning = Full()):
        super().__init__()
        self.encoder, self.task, self.tuning = tuning.prepare(encoder), task, tuning
        tuning.freeze(self.encoder)
        self.train()  # a loaded encoder arrives in eval mode, and Lightning leaves the modes as they are

    def setup(self, stage: str) -> None:
        if self.trainer.datamodule is not None:
            self.task.check(self.trainer.datamodule)

    def loss(self, batch: Batch) -> Losses:
        if getattr(batch, self.task.needs) is None:
            raise ValueError(missing(self.task))
        encoded = self.task.encode(self.encoder, batch)
        predictions = self.task(encoded)
        if not self.training:
            self.task.update(predictions, encoded, batch)
        return {"task": self.task.loss(predictions, batch)}

    def train(self, mode: bool = True) -> "FineTune":
        super().train(mode)
        self.tuning.train(self.encoder, mode)
        return self

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self.log_dict({f"{self._stage}/{name}": value for name, value in self.task.metrics.compute().items()})
        self.outcomes = self.task.outcomes()
        self.task.metrics.reset()

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Any]:
        encoded, of = self.task.encode(self.encoder, batch), self.task.predicted(batch)
        return {"index": of.index, "pooled": encoded.pooled, "predictions": self.task.decode(self.task(encoded)),
                "labels": of.labels}  # fmt: skip

    def configure_optimizers(self) -> dict:
        recipe = self.tuning.recipe(self.optim)
        if not any(parameter.requires_grad for parameter in self.parameters()):
            raise ValueError(f"{type(self.tuning).__name__} leaves the encoder as it is, and {type(self.task).__name__} has"
                             " no weights of its own: give one that trains some, or options with weights")  # fmt: skip
        return recipe.configure(self, total_steps(self.trainer))


def missing(task: Task) -> str:
    """What to do about batches without what the task learns from."""
    if task.needs == "labels":
        return "fine-tuning needs labelled batches: wrap the data in lit_pretrain.downstream.labelled.Labelled"
    return (f"{type(task).__name__} learns from {task.needs} of the batch, and these batches have none: give data whose"
            f" {task.naming()} are not empty")  # fmt: skip
