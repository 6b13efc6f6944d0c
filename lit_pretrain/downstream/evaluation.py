"""A protocol at work on its subjects, in one process or in several, which meet in the folder of cells."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lit_pretrain.config.chatter import hush
from lit_pretrain.config.mistake import one_line
from lit_pretrain.downstream import fingerprint
from lit_pretrain.downstream.cell import Cell, CellStore, Subject
from lit_pretrain.downstream.features import FeatureStore
from lit_pretrain.part import TRUSTED, trust
from lit_pretrain.probes.base import Probe

if TYPE_CHECKING:
    from lit_pretrain.downstream.protocol import Protocol


class Evaluation:
    """The cells of a protocol and their results, kept in a folder.

    Args:
        protocol: what is compared.
        subjects: encoders and their data, set up.
        folder: of cells and features; what it holds already is not computed again.

    Raises:
        ValueError: the data have no labels of the task.
    """

    def __init__(self, protocol: Protocol, subjects: Sequence[Subject], folder: Path):
        for subject in subjects:
            if not protocol.task.names(subject.data):
                raise ValueError(f"{subject.name}: the data have no {protocol.task.needs} to test on; give labelled data"
                                 " with --data")  # fmt: skip
        self.protocol, self.subjects, self.cells = protocol, list(subjects), protocol.cells(subjects)
        self.store = CellStore(folder / "cells")
        self.features = [FeatureStore(folder / "features", s.data, fingerprint.of_data(s.data)) for s in subjects]
        self.weights = [fingerprint.of_weights(s.encoder) for s in subjects]

    def result(self, cell: Cell) -> dict[str, Any]:
        """Read from the folder, or computed and written there."""
        key = self._key(cell)
        result = self.store.read(key)
        if result is None:
            result = self.protocol.compute(cell, self.features[self.subjects.index(cell.subject)])
            self.store.write(key, result)
        # How a cell is called may change; what was measured does not.
        return {"checkpoint": cell.subject.name, "row": cell.row, "labels": cell.labels, "seed": cell.seed} | result

    def results(self) -> list[dict[str, Any]]:
        """Of all cells, in the order of the table's rows."""
        if all(self.store.read(self._key(cell)) for cell in self.cells):  # no bar that is full at once
            return [self.result(cell) for cell in self.cells]
        with _bar(len(self.cells)) as advance:
            return [self.result(cell) for cell in self.cells if advance(cell)]

    def _key(self, cell: Cell) -> str:
        number = self.subjects.index(cell.subject)
        return self.protocol.key(cell, self.weights[number], self.features[number].data_hash)

    def shares(self) -> list[list[Cell]]:
        """Cells that one process should compute together, since they ask for the same features."""
        shares: dict[tuple, list[Cell]] = {}
        for number, cell in enumerate(self.cells):
            encoder = (self.subjects.index(cell.subject), None if cell.pretrained else cell.seed)
            shares.setdefault(encoder if isinstance(cell.way, Probe) else (number,), []).append(cell)
        return list(shares.values())


def fill(make: Callable[[], Evaluation], jobs: int) -> Evaluation:
    """Compute what is missing in `jobs` processes, each with its share of the threads and, in turn, of the GPUs.

    Args:
        make: picklable; each process makes its own.
        jobs: this process among them. What another one fails to compute is left for this one, which then fails alike.
    """
    evaluation = make()
    context, threads = torch.multiprocessing.get_context("spawn"), torch.get_num_threads()
    each = max(1, threads // jobs)
    taken, done = context.Value("i", 0), context.Value("i", 0)
    made = pickle.dumps(make)  # unpickled, and so imported, when the other process is ready for it
    others = [context.Process(target=_join_in, args=(made, n, each, sorted(TRUSTED), taken, done)) for n in range(1, jobs)]
    try:
        for process in others:
            process.start()
        torch.set_num_threads(each)
        with _bar(len(evaluation.cells), done) as advance:
            for cell in _work(evaluation, taken, done):
                advance(cell)
            for process in others:
                process.join()
    finally:
        torch.set_num_threads(threads)
        for process in others:
            process.terminate()
    return evaluation


def _join_in(made: bytes, number: int, threads: int, trusted: list[str], taken: Synchronized, done: Synchronized) -> None:
    if devices := torch.cuda.device_count():  # this process has not touched a GPU yet, so it may still choose
        names = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(devices)))).split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = names[number % devices]
    torch.set_num_threads(threads)
    hush()
    trust(trusted)
    try:
        for _ in _work(pickle.loads(made)(), taken, done):
            pass
    except Exception as error:
        print(f"process {number} of --jobs stopped: {one_line(str(error))}", file=sys.stderr)


def _work(evaluation: Evaluation, taken: Synchronized, done: Synchronized) -> Iterator[Cell]:
    """Take shares until none is left; each cell is announced before it is computed."""
    shares = evaluation.shares()
    while True:
        with taken.get_lock():
            number, taken.value = taken.value, taken.value + 1
        if number >= len(shares):
            return
        for cell in shares[number]:
            yield cell
            evaluation.result(cell)
            with done.get_lock():
                done.value += 1


@contextmanager
def _bar(total: int, done: Synchronized | None = None) -> Iterator[Callable[[Cell], bool]]:
    """Progress over cells: the function that it gives says which cell is next; `done` counts those of all processes."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns) as progress:
        bar, own = progress.add_task("", total=total), iter(range(total))

        def advance(cell: Cell) -> bool:
            finished = next(own) if done is None else done.value
            progress.update(bar, completed=finished, description=f"{cell.row}, {cell.labels} labels, seed {cell.seed}")
            return True

        yield advance
        progress.update(bar, completed=total)
