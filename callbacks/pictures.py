"""What a model makes of a few examples, drawn while it learns.

Legend: N examples, K panels of each, C channels, H rows, W columns.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_warn

from lit_pretrain.callbacks.attention import attention_maps, uncompiled
from lit_pretrain.callbacks.canvas import Drawn, colours, heat, scatters, sheet, write
from lit_pretrain.callbacks.observer import Observer
from lit_pretrain.callbacks.report import embedding_map
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.types import Batch

HEADS = 8  # maps of single heads, at most


class Pictures(Observer):
    """Draws the same validation examples again and again, with the same random draws:

    what the objective offers by a method `pictures(batch) -> {title: (N, K, C, H, W) between 0 and 1}`, a row of K panels
    for each example, such as masked, predicted and original; "name: what its panels are" is a good title;
    the views, where the batch has a method `preview() -> (N, K, C, H, W)`;
    what the last block attends to, over the first view, where units lie on a grid and the view is `upright`: the mean of the
    heads, then single heads, each as a share of its own maximum (or of four times an even share, if that is more); otherwise
    what the encoder offers by a method `attention_pictures(batch) -> (N, K, C, H, W)`, which may be None;
    the map of embeddings of labelled examples.

    They go to `pictures/step-0000500/NAME.png` in the run folder, to TensorBoard and, the last ones, into the report.
    Weights and random draws of the run are those of a run without it.

    Args:
        every_n_steps: optimiser steps between two drawings; 0: after the last step only.
        examples: N.
        map_points: examples in the map, which takes most of the time (300: 2 to 3 s on a CPU core); 0: no map.
    """

    name = "pictures"

    def __init__(self, every_n_steps: int = 500, examples: int = 8, map_points: int = 300):
        if every_n_steps < 0 or examples < 1 or map_points < 0:
            raise ValueError(f"every_n_steps={every_n_steps}, examples={examples}, map_points={map_points}: give 0 or more"
                             " steps and points, and at least one example")  # fmt: skip
        self.every_n_steps, self.examples, self.map_points = every_n_steps, examples, map_points
        self._batch: Batch | None = None
        self._drawn: int | None = None  # the last step at which it drew
        self._failed: set[str] = set()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: object) -> None:
        if self.every_n_steps and trainer.global_step and trainer.global_step % self.every_n_steps == 0:
            self.draw(trainer, pl_module)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.draw(trainer, pl_module)

    def draw(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw and write, once a step. What cannot be drawn is warned of once, and the run goes on."""
        if self._drawn == trainer.global_step:
            return
        self._drawn = trainer.global_step
        with self.observing(pl_module), uncompiled(pl_module):
            for source in (self.offered, self.views, self.attention, self.map):
                try:
                    with same_draws(pl_module), trainer.precision_plugin.forward_context():
                        drawn = source(trainer, pl_module)
                    if trainer.is_global_zero:
                        write(trainer, drawn)
                except Exception as error:
                    self._warn(source, error)

    # ---- what -----------------------------------------------------------------------------------------------------

    def offered(self, trainer: L.Trainer, pl_module: L.LightningModule) -> Drawn:
        if not callable(getattr(pl_module, "pictures", None)):
            return {}
        return {title: sheet(panels) for title, panels in pl_module.pictures(self._examples(trainer, pl_module)).items()}

    def views(self, trainer: L.Trainer, pl_module: L.LightningModule) -> Drawn:
        batch = self._examples(trainer, pl_module)
        return {"views": sheet(batch.preview())} if hasattr(batch, "preview") else {}

    def attention(self, trainer: L.Trainer, pl_module: L.LightningModule) -> Drawn:
        batch = self._examples(trainer, pl_module)
        offered = getattr(pl_module.encoder, "attention_pictures", None)
        if offered is not None:
            panels = offered(batch)
            return {} if panels is None else {"attention: original, mean of the heads": sheet(panels)}
        maps = attention_maps(pl_module, batch) if hasattr(batch, "preview") and batch.upright else None
        if maps is None:
            return {}
        canvas = batch.preview()[:, :1].cpu()  # (N, 1, C, H, W)
        maps = torch.cat([maps.mean(1, keepdim=True), maps[:, :HEADS]], 1).cpu()
        even = 1 / maps[0, 0].numel()
        maps = maps / maps.amax((2, 3), keepdim=True).clamp(min=4 * even)  # attention to everything alike stays dark
        over = heat(canvas.expand(-1, maps.shape[1], -1, -1, -1), maps)
        return {"attention: original, mean of the heads, single heads": sheet(torch.cat([colours(canvas), over], 1))}

    def map(self, trainer: L.Trainer, pl_module: L.LightningModule) -> Drawn:
        found = embedding_map(trainer, pl_module, self.map_points)
        return {} if found is None else {"map": scatters(found)}

    # ---- help -----------------------------------------------------------------------------------------------------

    def _examples(self, trainer: L.Trainer, pl_module: L.LightningModule) -> Batch:
        """The first validation examples, read once, by a loader of its own."""
        if self._batch is None:
            if not isinstance(trainer.datamodule, DataModule):
                raise ValueError("pictures need a datamodule of lit_pretrain")
            loader = trainer.datamodule.loader("validation", shuffle=False, limit=self.examples)
            self._batch = next(iter(loader)).to("cpu")
        return self._batch.to(pl_module.device)

    def _warn(self, source: Callable[..., Drawn], error: Exception) -> None:
        if source.__name__ not in self._failed:
            self._failed.add(source.__name__)
            rank_zero_warn(f"pictures ({source.__name__}) cannot be drawn and the run goes on: {error}")


@contextmanager
def same_draws(pl_module: L.LightningModule) -> Iterator[None]:
    """Inside, all generators draw the same each time; the module's own is put back afterwards (`observing` the others)."""
    generator = getattr(pl_module, "generator", None)
    state = None if generator is None else generator.get_state()
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    if generator is not None:
        generator.manual_seed(0)
    try:
        yield
    finally:
        if generator is not None:
            generator.set_state(state)
