"""When observers measure, what becomes of a failure, and what stays of what they found."""

import re
import time
from abc import abstractmethod
from pathlib import Path
from typing import Any, Literal

import lightning as L
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn

from lit_pretrain.callbacks.canvas import Drawn, write
from lit_pretrain.callbacks.observer import Observer
from lit_pretrain.callbacks.summary import write_json


class Measurement(Observer):
    """Measures before the first step, every so many steps or epochs, and after the last step; and once in
    `lit-pretrain validate`, which prints what was found in any checkpoint and writes it to `NAME-step-0001000.json`.

    Loss, gradients, weights and random draws are those of a run without it. The history is kept in checkpoints, apart
    from the module's weights. A subclass implements `take`, `tell` where not all that is found are numbers, and `drawn`
    where it has a picture, which goes to `pictures` in the run folder, TensorBoard and the report.

    Args:
        every_n_steps: optimiser steps between two measurements; 0: none but the first and last.
        every_n_epochs: epochs between two measurements; 0: none.
        name: of its metrics; None: from the class. Two of one class need different names.
        on_error: "warn" says once why a measurement failed and lets pretraining go on; "raise" stops it.
    """

    def __init__(
        self,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        if every_n_steps < 0 or every_n_epochs < 0:
            raise ValueError(f"every_n_steps={every_n_steps}, every_n_epochs={every_n_epochs}: give 0 or more")
        self.every_n_steps, self.every_n_epochs, self.on_error = every_n_steps, every_n_epochs, on_error
        self.name = name or re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self).__name__).lower()
        self.history: list[dict[str, Any]] = []
        self._protocol: dict[str, Any] = {}
        self._tried: int | None = None  # the last step at which it ran, with success or not
        self._warned = False

    @abstractmethod
    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is found now, and all that another must know to repeat it. It is called inside `observing`."""

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Any]) -> None:
        """Publish what was found, `NAME/WHAT`, and numbers of several layers or places as `NAME/WHAT/LAYER`."""
        values: dict[str, float] = {}
        for what, value in found.items():
            many = value.items() if isinstance(value, dict) else [(None, value)]
            values |= {f"{self.name}/{what}" + (f"/{key}" if key else ""): number for key, number in many}
        self.publish(trainer, values)

    def drawn(self, found: dict[str, Any]) -> Drawn:
        """Pictures of what was found, which is the last row of the history already; asked of the first rank alone."""
        return {}

    def say(self, trainer: L.Trainer, what: str, value: float, first: float) -> None:
        """Print a line for whoever watches: a number of the last row, and its gain over the first row's."""
        bar, step = trainer.progress_bar_callback, self.history[-1]["step"]
        if bar is not None and bar.is_enabled:
            gain = f" ({value - first:+.3f} since step {self.history[0]['step']})" if len(self.history) > 1 else ""
            # Before the first step the bar has not been drawn, and would print nothing.
            (bar.print if trainer.global_step else print)(f"step {step:>6}  {self.name} {what} {value:.3f}{gain}")

    def first_and_last(self) -> dict[str, dict[str, Any]]:
        """The first and the last row of the history by their steps, for pictures; a single row once."""
        return {f"step {row['step']:,}": row for row in (self.history[0], self.history[-1])}

    # ---- when -----------------------------------------------------------------------------------------------------

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.global_step == 0:
            self.measure(trainer, pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        if self.every_n_steps and trainer.global_step % self.every_n_steps == 0:
            self.measure(trainer, pl_module)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.every_n_epochs and (trainer.current_epoch + 1) % self.every_n_epochs == 0:
            self.measure(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.measure(trainer, pl_module)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.VALIDATING:
            return
        self.history, self._tried = [], None  # a measurement that stands for itself, whatever was set while it trained
        self.measure(trainer, pl_module)
        if self.history and trainer.is_global_zero:
            for name, value in self.published[1].items():
                print(f"{name} {value:.4g}")
            file = f"{self.name}-step-{trainer.global_step:07d}.json"
            write_json(Path(trainer.default_root_dir) / file, self.summary())

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        if trainer.state.fn == TrainerFn.VALIDATING and "loops" in checkpoint:  # Lightning would leave it at step 0
            trainer.fit_loop.load_state_dict(checkpoint["loops"]["fit_loop"])

    def measure(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take, keep and tell, once a step."""
        if self._tried == trainer.global_step:
            return
        self._tried = trainer.global_step
        began = time.perf_counter()
        try:
            with self.observing(pl_module):
                found, self._protocol = self.take(trainer, pl_module)
        except Exception as error:
            if self.on_error == "raise":
                raise
            if not self._warned:
                rank_zero_warn(f"{self.name} failed at step {trainer.global_step} and the run goes on: {error}")
            self._warned = True
            return
        row = {"step": trainer.global_step, "epoch": trainer.current_epoch, **found}
        self.history.append(row | {"seconds": round(time.perf_counter() - began, 3)})
        self.tell(trainer, pl_module, found)
        if trainer.is_global_zero:
            with self.observing(pl_module):  # drawing is not training either
                write(trainer, {f"{self.name}: {title}": picture for title, picture in self.drawn(found).items()})

    # ---- what stays -----------------------------------------------------------------------------------------------

    def protocol(self) -> dict[str, Any]:
        """All that another must know to repeat it, as of the last measurement."""
        return self._protocol

    def summary(self) -> dict[str, Any]:
        return {"protocol": self._protocol, "history": self.history}

    @property
    def state_key(self) -> str:
        return f"{type(self).__qualname__}[{self.name}]"

    def state_dict(self) -> dict[str, Any]:
        return {"history": list(self.history), "protocol": self._protocol}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history, self._protocol = list(state["history"]), state["protocol"]
        self._tried = self.history[-1]["step"] if self.history else None
