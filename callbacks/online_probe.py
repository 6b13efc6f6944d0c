"""Measures the representation while it is being learned."""

import re
import time
from typing import Any, Literal

import lightning as L
from lightning.pytorch.utilities import rank_zero_warn

from lit_pretrain.callbacks.features import LabelledView
from lit_pretrain.callbacks.observer import Observer
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes.base import Probe


class OnlineProbe(Observer):
    """Fits a probe on detached features of the training split and scores it on the validation split.

    It runs before the first step (the random-init baseline), every so many steps or epochs, and after the last step;
    the test split is never read. Loss, gradients, weights and random draws are those of a run without it. The history
    is kept in checkpoints, apart from the module's weights.

    Args:
        probe: what is fitted, anew each time.
        data: labelled data of the encoder's modality; None: the labelled view of the data that the run trains on.
        every_n_steps: optimiser steps between two measurements; 0: none but the first and last.
        every_n_epochs: epochs between two measurements; 0: none.
        limit: examples of each split, balanced over the classes.
        layer: probe the mean over units of this layer ("embedding", "block00", ...); None: the encoder's pooling.
        name: of its metrics; default: from the class and layer. Two probes of one class need different names.
        on_error: "warn" says once why the probe failed and lets pretraining go on; "raise" stops it.
    """

    def __init__(
        self,
        probe: Probe,
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 1000,
        layer: str | None = None,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        if every_n_steps < 0 or every_n_epochs < 0:
            raise ValueError(f"every_n_steps={every_n_steps}, every_n_epochs={every_n_epochs}: give 0 or more")
        self.probe, self.view = probe, LabelledView(data, limit, layer)
        self.every_n_steps, self.every_n_epochs, self.on_error = every_n_steps, every_n_epochs, on_error
        default = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(self).__name__).lower()
        self.name = name or (f"{default}_{layer}" if layer else default)
        self.history: list[dict[str, float]] = []
        self._protocol: dict[str, Any] = {}
        self._tried: int | None = None  # the last step at which it ran, with success or not
        self._warned = False

    # ---- when -----------------------------------------------------------------------------------------------------

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self.view.forget(trainer)

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

    # ---- what -----------------------------------------------------------------------------------------------------

    def measure(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Fit, score, keep and publish, once a step."""
        if self._tried == trainer.global_step:
            return
        self._tried = trainer.global_step
        began = time.perf_counter()
        try:
            with self.observing(pl_module):
                train = self.view.features(trainer, pl_module, "train")
                validation = self.view.features(trainer, pl_module, "validation")
                # Every rank has the same features and fits the same probe; that is as fast as waiting for one.
                scores = dict(self.probe.fit(*train).score(*validation))
        except Exception as error:
            if self.on_error == "raise":
                raise
            if not self._warned:
                rank_zero_warn(f"{self.name} failed at step {trainer.global_step} and pretraining goes on: {error}")
            self._warned = True
            return
        sizes = {"train_examples": len(train[1]), "validation_examples": len(validation[1])}
        self._protocol = {**self.probe.protocol(), **self.view.describe(trainer), **sizes}
        row = {"step": trainer.global_step, "epoch": trainer.current_epoch, **scores}
        self.history.append(row | {"seconds": round(time.perf_counter() - began, 3)})
        self.publish(trainer, {f"{self.name}/{k}": v for k, v in scores.items()}, (f"{self.name}/accuracy",))
        self._say(trainer)

    def _say(self, trainer: L.Trainer) -> None:
        bar, first, last = trainer.progress_bar_callback, self.history[0], self.history[-1]
        if bar is not None and bar.is_enabled:
            gain = f" ({last['accuracy'] - first['accuracy']:+.3f} since step {first['step']})" if last != first else ""
            # Before the first step the bar has not been drawn, and would print nothing.
            (bar.print if trainer.global_step else print)(
                f"step {last['step']:>6}  {self.name} accuracy {last['accuracy']:.3f}{gain}"
            )

    # ---- what stays -----------------------------------------------------------------------------------------------

    def protocol(self) -> dict[str, Any]:
        """The probe's protocol, its data and their sizes, as of the last measurement."""
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
