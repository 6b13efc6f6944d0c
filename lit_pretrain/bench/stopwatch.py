"""Times the steps of a training."""

import time
from typing import Any

import lightning as L
import torch

from lit_pretrain.types import Batch


class Stopwatch(L.Callback):
    """Times steps, each from the beginning of its batch to that of the next one.

    Attributes:
        steps: of each, its seconds, how many of them it waited for the next batch, and the batch's examples and units.
        padding: of each batch whose examples differ in length, the share of padding if it were padded.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[float, float, int, int]] = []
        self.padding: list[float] = []
        self._began: float | None = None

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int) -> None:
        now = self.clock(pl_module)
        if self._began is not None:
            self.steps.append((now - self._began, now - self._ended, *self._size))
        self._began, self._size = now, (batch.num_examples, batch.num_units)
        if lengths := getattr(batch, "lengths", None):
            self.padding.append(1 - sum(lengths) / (len(lengths) * max(lengths)))

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        self._ended = self.clock(pl_module)

    def clock(self, pl_module: L.LightningModule) -> float:
        if pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        return time.perf_counter()
