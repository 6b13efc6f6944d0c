"""Saves what an exact resume needs, at boundaries of optimiser steps."""

import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint as LastCallback
from lightning.pytorch.utilities import rank_zero_warn

from lit_pretrain.io.checkpoint import KEY, SUFFIX, checkpoints, manifest, write
from lit_pretrain.part import Recorded, spec


class Checkpoint(LastCallback):  # Lightning runs these after all other callbacks, whose state is thus saved too
    """Writes `<run folder>/checkpoints/step-*.ckpt` and keeps the newest.

    Checkpoints are for resuming: none is chosen by a metric. Weights, optimiser, schedules and loops are Lightning's;
    the loader's position comes from the loader; random draws need no state, because each step seeds its own.

    Args:
        every_n_steps: optimiser steps between two.
        keep: how many are kept; the older ones are deleted after the newer is safe on disk.
    """

    def __init__(self, every_n_steps: int = 1000, keep: int = 2):
        if every_n_steps < 1 or keep < 1:
            raise ValueError(f"every_n_steps={every_n_steps} and keep={keep} must be at least 1")
        self.every_n_steps, self.keep = every_n_steps, keep
        self._saved = -1
        self._after_validation = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._saved = trainer.global_step
        for stale in _folder(trainer).glob(".*.partial"):  # of a writer that was killed
            if time.time() - stale.stat().st_mtime > 60:
                stale.unlink(missing_ok=True)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        # Accumulated gradients are not saved, so only steps that have just ended are.
        if trainer.global_step == self._saved or trainer.global_step % self.every_n_steps:
            return
        # A resumed run does not validate its first step again, so what validation finds must be in the file.
        self._after_validation = trainer.fit_loop.epoch_loop._should_check_val_fx(trainer.fit_loop._data_fetcher)
        if not self._after_validation:
            self._save(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._after_validation:
            self._after_validation = False
            self._save(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.global_step != self._saved:
            self._save(trainer)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        data = trainer.datamodule
        checkpoint[KEY] = {
            "module": spec(pl_module),
            "encoder": spec(pl_module.encoder),
            "optim": spec(pl_module.optim),
            "data": spec(data) if isinstance(data, Recorded) else None,
            "artifacts": data.artifacts() if hasattr(data, "artifacts") else {},
            "finished": trainer.global_step >= trainer.max_steps > 0,
        }

    def _save(self, trainer: L.Trainer) -> None:
        self._saved = trainer.global_step
        path = _folder(trainer) / f"step-{trainer.global_step:07d}{SUFFIX}"
        content = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)  # on all ranks: it may gather
        if trainer.is_global_zero:
            try:
                write(content, path)
            except OSError as error:
                rank_zero_warn(f"checkpoint {path} was not written ({error}); training goes on, the last one is kept")
                return
            self._delete_old(trainer)
        trainer.strategy.barrier()

    def _delete_old(self, trainer: L.Trainer) -> None:
        for old in checkpoints(trainer.default_root_dir)[: -self.keep]:
            old.unlink(missing_ok=True)
            manifest(old).unlink(missing_ok=True)


def _folder(trainer: L.Trainer) -> Path:
    return Path(trainer.default_root_dir) / "checkpoints"
