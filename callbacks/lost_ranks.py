"""A rank that is killed, fails or hangs takes the others with it, and every error says which it was."""

import ctypes
import signal
import sys
import time
from subprocess import Popen

import lightning as L
import torch
from lightning.fabric.plugins.environments import LightningEnvironment
from torch.distributed import Store
from torch.distributed.distributed_c10d import _get_default_store

DEATH_OF_PARENT = 1  # PR_SET_PDEATHSIG of Linux


class LostRanks(L.Callback):
    """Adds to the error that ends a rank what the other ranks say of their end.

    When a rank is killed, fails alone, or does not come to a collective within the strategy's `timeout`, the others see no
    more than a broken connection. So each rank that ends with an error leaves it in the store of the process group, waits a
    moment for those of the others, and notes them below its own: who failed with what, and of whom there is no word.

    On Linux, ranks that Lightning started also end when rank 0 ends, so that none is left behind, even one that hangs.
    With one rank it does nothing.

    Args:
        patience: seconds to wait for the words of others.
    """

    def __init__(self, patience: float = 3.0):
        if patience <= 0:
            raise ValueError(f"patience={patience} must be above 0 seconds")
        self.patience = patience

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        _end_with_parent(trainer, signal.SIGKILL)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        _end_with_parent(trainer, 0)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        _end_with_parent(trainer, 0)
        # A second Ctrl-C, which is no Exception, acts at once.
        if trainer.world_size > 1 and isinstance(exception, Exception) and torch.distributed.is_initialized():
            own = f"{type(exception).__name__}: {exception}"
            words = self._words(trainer, own)
            if set(words.values()) != {own}:
                exception.add_note("\n".join(f"rank {rank}: {word}" for rank, word in words.items()))

    def _words(self, trainer: L.Trainer, own: str) -> dict[int, str]:
        """Rank -> how it ended, of the other ranks."""
        rank, ends = trainer.global_rank, time.monotonic() + self.patience
        others = [other for other in range(trainer.world_size) if other != rank]
        children = getattr(trainer.strategy.launcher, "procs", [])
        started = dict(enumerate(children, rank + 1))
        children.clear()  # Lightning's observer of them must not kill this process before its error is printed
        try:
            store = _get_default_store()
            store.set(f"lost_ranks/{rank}", own)
            return {other: _word(store, other, started.get(other), ends) for other in others}
        except RuntimeError:
            return {0: "no word; it is gone, and with it the store of the process group"}


def _word(store: Store, rank: int, process: Popen | None, ends: float) -> str:
    """What a rank has left in the store by then, or what became of its process, where that is known."""
    while not store.check([f"lost_ranks/{rank}"]):
        code = None if process is None else process.poll()
        if code is not None:
            return f"killed by {signal.Signals(-code).name}" if code < 0 else f"left with exit code {code}"
        if time.monotonic() > ends:
            return "no word; it was killed, hangs, or still waits for the others"
        time.sleep(0.05)
    return store.get(f"lost_ranks/{rank}").decode()


def _end_with_parent(trainer: L.Trainer, number: int) -> None:
    """Let the kernel send this signal when rank 0 ends, which has started this rank; 0: no more."""
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if isinstance(environment, LightningEnvironment) and trainer.local_rank > 0 and sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_OF_PARENT, int(number))
