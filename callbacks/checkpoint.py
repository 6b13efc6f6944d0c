"""Saves what an exact resume needs, at boundaries of optimiser steps."""

import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import lightning as L
from lightning.pytorch.callbacks import Checkpoint as LastCallback
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor
from torch.utils._pytree import tree_map

from lit_pretrain.callbacks.retention import Retention
from lit_pretrain.callbacks.signals import Signals, Stopped, requeue
from lit_pretrain.io.checkpoint import KEY, SUFFIX, remove, write
from lit_pretrain.part import Recorded, spec


class Checkpoint(LastCallback):  # Lightning runs these after all other callbacks, whose state is thus saved too
    """Writes `<run folder>/checkpoints/step-*.ckpt` and keeps the newest, and the best if asked to.

    Weights, optimiser, schedules and loops are Lightning's; the loader's position comes from the loader; random draws need
    no state, because each step seeds its own.

    SIGTERM, Ctrl-C and SIGUSR1, to any rank, let the step end (and the validation that follows it), save, and end the run
    with exit code 128 + the signal's number; after SIGUSR1 inside a SLURM job the job is requeued. A second Ctrl-C ends it
    at once. An error between two steps, such as `DataLost`, ends a run of one rank after the last step has been saved.

    Args:
        every_n_steps: optimiser steps between two.
        keep: how many are kept; the older ones are deleted after the newer is safe on disk.
        background: a copy is written while training goes on; the next checkpoint and the end of the run wait for it.
        best, monitor, mode: how many are kept beside the newest, because a logged metric, such as `val/loss` or
            `linear_probe/accuracy`, was lowest ("min") or highest ("max") when they were written.

    Raises:
        OSError: at the end of the run, if its last checkpoint could not be written; before, that is a warning.
    """

    def __init__(
        self,
        every_n_steps: int = 1000,
        keep: int = 2,
        background: bool = False,
        best: int = 0,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
    ):
        if every_n_steps < 1:
            raise ValueError(f"every_n_steps={every_n_steps} must be at least 1")
        self.every_n_steps, self.background = every_n_steps, background
        self.retention = Retention(keep, best, monitor, mode)
        self.signals = Signals()
        self._step = self._saved = -1  # the last step that ended, and the last that was saved
        self._between_steps = False  # nothing of the next step has begun
        self._after_validation = False
        self._leaving = 0  # the number of a signal
        self._writing: Future | None = None
        self._failure: OSError | None = None  # of the last writing, known to the rank that writes

    # ---- when -----------------------------------------------------------------------------------------------------

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._step = self._saved = trainer.global_step
        self.signals.listen()
        for stale in _folder(trainer).glob(".*.partial"):  # of a writer that was killed
            if time.time() - stale.stat().st_mtime > 60:
                stale.unlink(missing_ok=True)

    def on_train_batch_start(self, *args: Any) -> None:
        self._between_steps = False

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        ended, self._step = trainer.global_step != self._step, trainer.global_step
        if not ended:  # accumulated gradients are not saved
            return
        self._between_steps = True
        self._leaving = self.signals.of_any_rank(trainer)
        if trainer.global_step % self.every_n_steps and not self._leaving:
            return
        # A resumed run does not validate its first step again, so what validation finds must be in the file.
        self._after_validation = trainer.fit_loop.epoch_loop._should_check_val_fx(trainer.fit_loop._data_fetcher)
        if not self._after_validation:
            self._save(trainer)
            self._leave(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self._after_validation:
            self._after_validation = False
            self._leaving = self.signals.of_any_rank(trainer)
            self._save(trainer)
            self._leave(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.global_step != self._saved:
            self._save(trainer)
        self._finish()
        self.signals.stop()
        if self._failure is not None:
            raise OSError(f"the run is over, but step {self._saved} was not saved; give the same command again when its"
                          f" folder can be written: {self._failure}") from self._failure  # fmt: skip

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self.signals.stop()
        try:
            if isinstance(exception, Exception) and self._is_whole(trainer) and trainer.global_step != self._saved:
                self._save(trainer)
            self._finish()
        except Exception as error:  # the one that ends the run is the one to be seen
            rank_zero_warn(f"the last checkpoint was not written: {error}")

    def _is_whole(self, trainer: L.Trainer) -> bool:
        """Whether all that a resume needs is as the last step left it, and no end of an epoch or other rank has gone on."""
        epochs = trainer.fit_loop.epoch_progress.total
        within_epoch = epochs.started == epochs.processed + 1
        return self._between_steps and within_epoch and trainer.training and trainer.world_size == 1

    def _leave(self, trainer: L.Trainer) -> None:
        """End the run if a signal asked for it; what it has done is in the newest checkpoint."""
        if not self._leaving:
            return
        self._finish()
        if self._leaving == signal.SIGUSR1 and trainer.is_global_zero:
            requeue()
        raise Stopped(self._leaving, self._saved, self._failure)

    # ---- what -----------------------------------------------------------------------------------------------------

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
        self._finish()
        self._saved = trainer.global_step
        path = _folder(trainer) / f"step-{trainer.global_step:07d}{SUFFIX}"
        content = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)  # on all ranks: it may gather
        scores = self.retention.scores(trainer)
        if trainer.is_global_zero and self.background:
            copy = tree_map(lambda x: x.detach().to("cpu", copy=True) if isinstance(x, Tensor) else x, content)
            self._writing = ThreadPoolExecutor(1).submit(self._write, copy, path, scores)
        elif trainer.is_global_zero:
            self._write(content, path, scores)
        trainer.strategy.barrier()

    def _write(self, content: dict[str, Any], path: Path, scores: dict[str, float]) -> None:
        try:
            write(content, path, scores)
            self._failure = None
        except OSError as error:
            self._failure = error
            rank_zero_warn(f"checkpoint {path} was not written ({error}); training goes on, the last one is kept")
            return
        for old in self.retention.superseded(path.parents[1]):
            try:
                remove(old)
            except OSError as error:  # tried again with the next
                rank_zero_warn(f"checkpoint {old} was not deleted ({error}); training goes on")

    def _finish(self) -> None:
        """Wait for what is being written; what went wrong there is raised here."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()


def _folder(trainer: L.Trainer) -> Path:
    return Path(trainer.default_root_dir) / "checkpoints"
