"""Signals that end a run when its step is over and everything is saved."""

import os
import signal
import subprocess
import threading
from typing import Any

import lightning as L
import torch

LEAVE = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class Stopped(Exception):
    """A signal has ended the run; nothing is lost, unless its last checkpoint could not be written.

    Attributes:
        code: of the process, 128 + the signal's number, as shells have it.
    """

    def __init__(self, number: int, step: int, failure: OSError | None = None):
        end = f"saved at step {step}; the same command goes on from there"
        if failure is not None:
            end = f"step {step} was not saved ({failure}); the same command goes on from an older checkpoint"
        super().__init__(f"{signal.Signals(number).name}: {end}")
        self.code = 128 + number


class Signals:
    """Remembers SIGTERM, SIGINT and SIGUSR1 instead of acting on them; a second Ctrl-C acts at once.

    The handler does nothing else: what runs inside it would run in the middle of anything.
    """

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[int, Any] = {}

    def listen(self) -> None:
        """From now on; Lightning's own handlers, which save in the middle of a step, are put aside."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._remember) for number in LEAVE}

    def stop(self) -> None:
        """Signals act as before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def of_any_rank(self, trainer: L.Trainer) -> int:
        """The signal that some rank has received; 0: none. All ranks must ask, and all get the same answer."""
        if trainer.world_size == 1:
            return self.received
        own = torch.tensor(self.received, device=trainer.strategy.root_device)
        self.received = int(trainer.strategy.reduce(own, reduce_op="max"))
        return self.received

    def _remember(self, number: int, frame: Any) -> None:
        if number == signal.SIGINT and self.received:
            raise KeyboardInterrupt
        self.received = self.received or number


def requeue() -> bool:
    """Ask SLURM to start this job again; whether it was asked, which it is not outside of a job."""
    if "SLURM_JOB_ID" not in os.environ:
        return False
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    job = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ["SLURM_JOB_ID"]
    subprocess.run(["scontrol", "requeue", job], check=True)
    return True
