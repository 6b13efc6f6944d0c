"""A protocol at work on its subjects, in one process or in several, which meet in the folder of cells."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Sequence
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lit_pretrain.config.chatter import hush
from lit_pretrain.config.mistake import one_line
from lit_pretrain.downstream import fingerprint
from lit_pretrain.downstream.cell import CellStore, Subject
from lit_pretrain.downstream.features import FeatureStore
from lit_pretrain.downstream.leak import check_apart
from lit_pretrain.part import TRUSTED, trust
from lit_pretrain.probes.base import Probe
from lit_pretrain.types import Outcomes

if TYPE_CHECKING:
    from lit_pretrain.downstream.protocol import Protocol


class Evaluation:
    """The cells of a protocol and their results, kept in a folder.

    Args:
        protocol: what is compared.
        subjects: encoders and their data, set up.
        folder: of cells and features; what it holds already is not computed again.

    Raises:
        ValueError: the data have no labels of the task, or their splits hold the same examples.
    """

    def __init__(self, protocol: Protocol, subjects: Sequence[Subject], folder: Path):
        for subject in subjects:
            if not protocol.task.names(subject.data):
                raise ValueError(f"{subject.name}: the data have no {protocol.task.needs} to test on; give labelled data"
                                 " with --data")  # fmt: skip
        self.protocol, self.cells, self.store = protocol, protocol.cells(subjects), CellStore(folder / "cells")
        features = [FeatureStore(folder / "features", s.data, fingerprint.of_data(s.data)) for s in subjects]
        for subject, found in zip(subjects, features, strict=True):
            check_apart(subject.name, subject.data, protocol.overlap, folder / "splits" / f"{found.data_hash}.json")
        weights = [fingerprint.of_weights(s.encoder) for s in subjects]
        numbers = [subjects.index(cell.subject) for cell in self.cells]
        self.features = [features[n] for n in numbers]  # of each cell's subject
        self.keys = [
            protocol.key(cell, weights[n], features[n].data_hash) for cell, n in zip(self.cells, numbers, strict=True)
        ]

    def result(self, number: int) -> dict[str, Any]:
        """Of a cell: read from the folder, or computed and written there."""
        cell, key = self.cells[number], self.keys[number]
        result = self.store.read(key)
        if result is None:
            result = self.protocol.compute(cell, self.features[number])
            self.store.write(key, result, result.pop("outcomes"))
        # How a cell is called may change; what was measured does not.
        return {"checkpoint": cell.subject.name, "row": cell.row, "labels": cell.labels, "seed": cell.seed} | result

    def results(self) -> list[dict[str, Any]]:
        """Of all cells, in the order of the table's rows."""
        return [self.result(number) for number in range(len(self.cells))]

    def outcomes(self, number: int) -> Outcomes | None:
        """Of the test examples of a cell that was computed."""
        return self.store.outcomes(self.keys[number])

    def shares(self) -> list[list[int]]:
        """Numbers of cells that one process should compute together, since they ask for the same features."""
        shares: dict[tuple, list[int]] = {}
        for number, cell in enumerate(self.cells):
            encoder = (id(cell.subject), None if cell.pretrained else cell.seed)
            shares.setdefault(encoder if isinstance(cell.way, Probe) else (number,), []).append(number)
        return list(shares.values())


def completed(make: Callable[[], Evaluation], jobs: int = 1) -> Evaluation:
    """The evaluation with all its cells. What is missing is computed in `jobs` processes, each with its share of the threads
    and, in turn, of the GPUs.

    Args:
        make: each process makes its own; picklable where there are several.
        jobs: this process among them. What another one fails to compute is left for this one, which then fails alike.
    """
    evaluation, context, threads = make(), torch.multiprocessing.get_context("spawn"), torch.get_num_threads()
    each = max(1, threads // jobs)
    taken, done = context.Value("i", 0), context.Value("i", 0)
    made = pickle.dumps(make) if jobs > 1 else b""  # unpickled, and so imported, when the other process is ready for it
    others = [context.Process(target=_join_in, args=(made, n, each, sorted(TRUSTED), taken, done)) for n in range(1, jobs)]
    try:
        for process in others:
            process.start()
        torch.set_num_threads(each)
        _work(evaluation, taken, done, shown=True)
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
        _work(pickle.loads(made)(), taken, done)
    except Exception as error:
        print(f"process {number} of --jobs stopped: {one_line(str(error))}", file=sys.stderr)


def _work(evaluation: Evaluation, taken: Synchronized, done: Synchronized, shown: bool = False) -> None:
    """Take shares until none is left; `shown` is a bar of what all processes have done."""
    shares = evaluation.shares()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, disable=not shown) as progress:
        bar = progress.add_task("", total=len(evaluation.cells))
        while (share := _next(taken)) < len(shares):
            for number in shares[share]:
                cell = evaluation.cells[number]
                progress.update(bar, completed=done.value, description=f"{cell.row}, {cell.labels} labels, seed {cell.seed}")
                evaluation.result(number)
                _next(done)
        progress.update(bar, completed=done.value)


def _next(counter: Synchronized) -> int:
    """The number that no other process gets."""
    with counter.get_lock():
        counter.value += 1
        return counter.value - 1
