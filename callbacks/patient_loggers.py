"""Loggers whose sink is full or away do not end a run."""

import time
from collections import deque
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_warn

OTHER_METHODS = ("log_hyperparams", "log_graph", "after_save_checkpoint")


class PatientLoggers(L.Callback):
    """Keeps the metrics that a logger could not take, and hands them to it in their order when it works again.

    A warning says when a logger begins to fail and why, another when it works again, or at the end what is lost. A logger
    that fails when it is set up ends the run, because that is a mistake in its settings.

    Args:
        keep: rows of metrics that are kept for each logger; the oldest of more are lost.
        pause: seconds before a logger that has failed is tried again.
    """

    def __init__(self, keep: int = 10_000, pause: float = 10.0):
        if keep < 1 or pause < 0:
            raise ValueError(f"keep={keep} must be at least 1, pause={pause} at least 0 seconds")
        self.keep, self.pause = keep, pause

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        for logger in trainer.loggers:
            if "log_metrics" not in vars(logger):  # or it is patient already
                _Patience(logger, self.keep, self.pause)


class _Patience:
    """Stands before the methods of one logger, which stays the object that it is."""

    def __init__(self, logger: Logger, keep: int, pause: float):
        self.logger, self.keep, self.pause = logger, keep, pause
        self.name = f"{type(logger).__name__} ({logger.log_dir or logger.name})"
        self.waiting: deque[tuple[dict[str, float], int | None]] = deque()
        self.failing, self.next_try, self.lost = False, 0.0, 0
        self.step: int | None = None  # of the last row
        self.since: int | None = None  # the step at which it began to fail
        self.own = {name: getattr(logger, name) for name in (*OTHER_METHODS, "log_metrics", "save", "finalize")}
        logger.log_metrics, logger.save, logger.finalize = self.log_metrics, self.save, self.finalize
        for name in OTHER_METHODS:
            setattr(logger, name, partial(self.attempt, name))

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.step = step
        self.waiting.append((dict(metrics), step))
        if len(self.waiting) > self.keep:
            self.waiting.popleft()
            self.lost += 1
        self.hand_over()

    def save(self) -> None:
        if time.monotonic() >= self.next_try:
            self.attempt("save")

    def finalize(self, status: str) -> None:
        self.next_try = 0.0
        self.hand_over()
        self.attempt("finalize", status)
        if self.failing:
            rank_zero_warn(f"{self.name} still fails: its metrics since step {self.since} are lost")

    def hand_over(self) -> None:
        """All that waits, the oldest first."""
        if time.monotonic() < self.next_try:
            return
        while self.waiting and self.attempt("log_metrics", *self.waiting[0]):
            self.waiting.popleft()
        if self.failing and not self.waiting and self.attempt("save"):
            rank_zero_warn(f"{self.name} works again since step {self.step}; {self.lost} rows of metrics are lost")
            self.failing, self.lost = False, 0

    def attempt(self, method: str, *args: Any, **kwargs: Any) -> bool:
        """Whether the logger's own method worked."""
        try:
            self.own[method](*args, **kwargs)
            return True
        except Exception as error:
            if not self.failing:
                self.failing, self.since = True, self.step
                rank_zero_warn(f"{self.name} failed at step {self.step}, and training goes on:"
                               f" {type(error).__name__}: {error}")  # fmt: skip
            self.next_try = time.monotonic() + self.pause
            self.revive()
            return False

    def revive(self) -> None:
        """What loggers do not do by themselves."""
        if isinstance(self.logger, TensorBoardLogger):
            self.logger._experiment = None  # its thread has died; the next metrics start another
        elif self.logger.log_dir:
            with suppress(OSError):
                Path(self.logger.log_dir).mkdir(parents=True, exist_ok=True)  # somebody deleted it
