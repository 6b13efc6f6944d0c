"""How far a run is, in the terminal."""

import math
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar, RichProgressBar
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Display

from lit_pretrain.callbacks.report_charts import number


class Progress(L.Callback):
    """Shows the steps of the run in place of Lightning's bar, which shows the batches of an epoch.

    It takes the place of the bar that the trainer makes by default, so that `enable_progress_bar: false` leaves none, and
    another bar among the callbacks stays.
    """

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        trainer.callbacks[:] = [StepBar() if type(c) is RichProgressBar else c for c in trainer.callbacks]


class StepBar(ProgressBar):
    """Steps done of all, steps a second, time left; below, losses and the accuracies of probes."""

    def __init__(self) -> None:
        super().__init__()
        self.is_enabled = True
        self._display: StepDisplay | None = None
        self._run: TaskID | None = None  # the training
        self._pass: TaskID | None = None  # one pass over a split

    def enable(self) -> None:
        self.is_enabled = True

    def disable(self) -> None:
        self.is_enabled = False

    # ---- training -------------------------------------------------------------------------------------------------

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.is_enabled:
            display = self._opened()
            self._run = display.add_task("Training", total=steps_of(trainer), completed=trainer.global_step)
            self._show(trainer)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        if self._display is not None and self._run is not None:
            self._display.update(self._run, completed=trainer.global_step)
            if trainer.global_step % trainer.log_every_n_steps == 0:  # reading them waits for the device
                self._show(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._show(trainer)

    # ---- validation, test, prediction -----------------------------------------------------------------------------

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._begin("Validation", trainer.num_val_batches)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._begin("Test", trainer.num_test_batches)

    def on_predict_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._begin("Prediction", trainer.num_predict_batches)

    def on_validation_batch_end(self, *args: Any) -> None:
        if self._display is not None and self._pass is not None:
            self._display.advance(self._pass)

    on_test_batch_end = on_predict_batch_end = on_validation_batch_end

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._display is not None and self._pass is not None and self._run is not None:
            self._display.remove_task(self._pass)  # alone, it stays to be seen
            self._pass = None
            self._show(trainer)

    # ---- the display ----------------------------------------------------------------------------------------------

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self._close()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._close()

    def _begin(self, what: str, batches: list[int | float]) -> None:
        if self.is_enabled:
            total = sum(batches)
            self._pass = self._opened().add_task(what, total=total if math.isfinite(total) else None)

    def _opened(self) -> "StepDisplay":
        if self._display is None:
            columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
            self._display = StepDisplay(*columns)
            self._display.start()
        return self._display

    def _show(self, trainer: L.Trainer) -> None:
        if self._display is not None:
            self._display.numbers = "   ".join(in_words(k, float(v)) for k, v in trainer.progress_bar_metrics.items())

    def _close(self) -> None:
        if self._display is not None:
            self._display.stop()
        self._display = self._run = self._pass = None


class StepDisplay(Display):
    """Bars, and a line of numbers below them, which is as long as it must be."""

    numbers = ""

    def get_renderables(self):
        yield from super().get_renderables()
        if self.numbers:
            yield f"[dim]{self.numbers}[/dim]"


class Rate(ProgressColumn):
    """How many a second, of the last half minute."""

    def render(self, task: Task) -> str:
        speed = task.finished_speed or task.speed
        return f"{number(speed)}/s" if speed else ""


def steps_of(trainer: L.Trainer) -> int | None:
    """Optimiser steps of the whole run; None: unknown. (`estimated_stepping_batches` would drop a loader's state.)"""
    if trainer.max_steps > 0:
        return trainer.max_steps
    if trainer.max_epochs is None or trainer.max_epochs < 0 or not math.isfinite(trainer.num_training_batches):
        return None
    return trainer.max_epochs * -(-trainer.num_training_batches // trainer.accumulate_grad_batches)


def in_words(name: str, value: float) -> str:
    """linear_probe/accuracy, 0.523 -> linear probe 52.3%."""
    if name.endswith("/accuracy"):
        return f"{name.removesuffix('/accuracy').replace('_', ' ')} {value:.1%}"
    return f"{name} {number(value, 4)}"
