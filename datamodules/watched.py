"""Workers that are watched: one that dies or hangs ends the run, with the name of the sample that it was reading.

A worker notes each sample in memory that it shares with the main process, and sets an alarm that ends it if it does not come
to the next; so a worker that hangs is one that dies, even where it hangs outside of Python.
"""

import signal
import threading
from collections.abc import Iterator
from ctypes import Array, c_char
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.sharedctypes import RawArray
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.worker import patient

LIMIT = 600  # seconds that a worker may take for a sample
SIZE = 1024  # bytes of a note
SHOWN = 100  # samples of a batch that is read at once
_note: Array[c_char] | None = None  # of this process, if it is a worker


def reading(name: str) -> None:
    """Say, before each sample, what is read now; within `LIMIT` seconds the next must be begun, or `resting` be called."""
    if _note is not None:
        _note.value = name.encode(errors="replace")[: SIZE - 1]
        signal.alarm(LIMIT)


def resting() -> None:
    """Say that nothing is read until the main process asks for more."""
    if _note is not None:
        signal.alarm(0)


class Noted(Dataset):
    """A dataset of numbered samples that says which of them it reads.

    Args:
        dataset: if it reads batches, it says itself what each sample is called.
    """

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def __getitems__(self, numbers: list[int]) -> Any:
        reading(f"samples {', '.join(map(str, numbers[:SHOWN]))}")
        of_batch = getattr(self.dataset, "__getitems__", None)
        read = [self._one(number) for number in numbers] if of_batch is None else of_batch(numbers)
        resting()
        return read

    def _one(self, number: int) -> Any:
        reading(f"sample {number}")
        return self.dataset[number]


class Watched:
    """The batches of a `DataLoader`, whose dataset calls `reading` and `resting`.

    Args:
        dataset, num_workers, settings: of the `DataLoader`.

    Raises:
        DataLost: where the next batch should come, if a worker has died or took too long, or its data are gone.
    """

    def __init__(self, dataset: Dataset, num_workers: int, **settings: Any):
        self._notes = [RawArray(c_char, SIZE) for _ in range(num_workers)]
        # The workers' base seed must not be drawn from the global generator.
        loader = DataLoader(dataset, num_workers=num_workers, worker_init_fn=partial(_begin, self._notes),
                            generator=torch.Generator(), **settings)  # fmt: skip
        before = signal.getsignal(signal.SIGCHLD)
        self._batches = iter(loader)
        _wait_for_next(before)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._batches)
        except StopIteration:
            raise
        except Exception as error:
            fates = "; ".join(map(self._fate, self._dead(error)))
            self._end_workers()
            if isinstance(error, DataLost):
                raise DataLost(error.reason) from error
            if isinstance(error, (EOFError, OSError, RuntimeError)) and fates:
                raise DataLost(fates) from error
            raise

    def _dead(self, error: Exception) -> list[int]:
        """The numbers of the workers that have ended."""
        workers = getattr(self._batches, "_workers", ())
        if isinstance(error, (EOFError, OSError)):  # what a worker had sent could not be taken over: is it dying?
            dying = wait([worker.sentinel for worker in workers], timeout=1.0)
            for worker in workers:
                worker.join(1.0 if worker.sentinel in dying else 0.0)
        return [i for i, worker in enumerate(workers) if not worker.is_alive()]

    def _end_workers(self) -> None:
        """At once: of an iterator that the garbage collector finds in a cycle they would be waited for, 10 s each."""
        if hasattr(self._batches, "_shutdown_workers"):
            self._batches._shutdown_workers()

    def _fate(self, worker: int) -> str:
        process = self._batches._workers[worker]
        sample = self._notes[worker].value.decode(errors="replace") or "nothing"
        if process.exitcode == -signal.SIGALRM:
            return f"worker {worker} was ended after {LIMIT} s at one sample: {sample}"
        end = f"exit code {process.exitcode}"
        if process.exitcode < 0:
            end = f"signal {-process.exitcode}, {signal.strsignal(-process.exitcode)}"
        why = "; unless somebody killed it, memory ran out" if process.exitcode == -signal.SIGKILL else ""
        return f"worker {worker} died ({end}{why}); what it read last: {sample}"


def _begin(notes: list[Array[c_char]], worker: int) -> None:
    """The `worker_init_fn`."""
    global _note
    patient(worker)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _note = notes[worker]


def _wait_for_next(before: Any) -> None:
    """Put back the handler of SIGCHLD that was there before torch's, which raises wherever the main process happens to be.

    A dead worker is then found where the next batch should come: between steps, where all that was done can be saved.
    """
    if threading.current_thread() is threading.main_thread():
        of_torch = getattr(before, "__module__", "").startswith("torch.")
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if of_torch or before is None else before)
