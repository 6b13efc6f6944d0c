"""Watches for the ways in which a representation dies.

Legend: B examples, D width.
"""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from lit_pretrain.callbacks.observer import Observer
from lit_pretrain.probes.geometry import effective_rank, mean_cosine, rankme, uniformity
from lit_pretrain.types import Batch


class Collapse(Observer):
    """Spread and rank of the current batch's pooled features, and the norm of the gradient before clipping.

    `collapse/std` is the standard deviation over examples, averaged over the D features; 0: all examples are alike.
    `collapse/effective_rank`, `collapse/rankme`, `collapse/uniformity` and `collapse/mean_cosine`: see `probes.geometry`.
    Ranks are at most B, so those of batches of different sizes do not compare. `Geometry` measures all layers.
    `collapse/gradient_norm` is the norm over all parameters.

    Args:
        every_n_steps: optimiser steps between two measurements.
    """

    name = "collapse"

    def __init__(self, every_n_steps: int = 50):
        if every_n_steps < 1:
            raise ValueError(f"every_n_steps={every_n_steps}: must be at least 1")
        self.every_n_steps = every_n_steps
        self._norm: Tensor | None = None

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        if (trainer.global_step + 1) % self.every_n_steps == 0:
            self._norm = torch.nn.utils.get_total_norm([p.grad for p in pl_module.parameters() if p.grad is not None])

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        if self._norm is None:
            return
        with self.observing(pl_module):
            with trainer.precision_plugin.forward_context():
                pooled = pl_module.encode(batch).pooled
            values = {"std": float(pooled.float().std(0, correction=0).mean()), "gradient_norm": float(self._norm),
                      "effective_rank": effective_rank(pooled), "rankme": rankme(pooled)}  # fmt: skip
            if len(pooled) > 1:  # a batch may hold one long example
                values |= {"uniformity": uniformity(pooled), "mean_cosine": mean_cosine(pooled)}
        self._norm = None
        self.publish(trainer, {f"{self.name}/{k}": v for k, v in values.items()})
