"""Measures the representation while it is being learned."""

from typing import Any, Literal

import lightning as L

from lit_pretrain.callbacks.features import LabelledView
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes.base import Probe


class OnlineProbe(Measurement):
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
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        self.probe, self.view = probe, LabelledView(data, limit, layer)
        if layer and not name:
            self.name = f"{self.name}_{layer}"

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        self.view.forget(trainer)

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """The scores, and the probe's protocol, its data and their sizes."""
        train = self.view.features(trainer, pl_module, "train")
        validation = self.view.features(trainer, pl_module, "validation")
        # Every rank has the same features and fits the same probe; that is as fast as waiting for one.
        scores = dict(self.probe.fit(*train).score(*validation))
        sizes = {"train_examples": len(train[1]), "validation_examples": len(validation[1])}
        return scores, {**self.probe.protocol(), **self.view.describe(trainer), **sizes}

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Any]) -> None:
        main = self.probe.main
        self.publish(trainer, {f"{self.name}/{k}": v for k, v in found.items()}, (f"{self.name}/{main}",))
        self.say(trainer, main, found[main], self.history[0][main])
