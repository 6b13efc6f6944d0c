"""Long passes over a loader that go on where they were cut."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.types import Batch

Arrays = dict[str, np.ndarray]


def collect(
    loader: ResumableLoader,
    compute: Callable[[Batch, int], Arrays],
    folder: Path,
    progress: Callable[[int], None] = lambda done: None,
    every: int = 32,
) -> Arrays:
    """What `compute` gives for all batches of a loader in source order, joined along the first axis.

    Every so many batches a file is written, named by the batches that are done with it. A second call with the same folder
    reads those files and computes the rest.

    Args:
        loader: not shuffled.
        compute: (batch, its number from 1) -> arrays; with the same names always.
        folder: of the files; of this pass alone.
        progress: is told after each batch how many are done.
        every: batches of a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = max((int(path.stem) for path in folder.glob("*.npz")), default=0)
    waiting: list[Arrays] = []
    progress(done)
    if done < len(loader):
        loader.load_state_dict({"epoch": 0, "delivered": done})
        for batch in loader:
            done = loader.delivered or len(loader)  # at the end of the epoch the loader begins anew
            waiting.append(compute(batch, done))
            progress(done)
            if len(waiting) == every:
                write(folder / f"{done:08d}.npz", joined(waiting))
                waiting = []
        if waiting:
            write(folder / f"{len(loader):08d}.npz", joined(waiting))
    return joined([read(path) for path in sorted(folder.glob("*.npz"))])


def joined(pieces: list[Arrays]) -> Arrays:
    """One after the other; no pieces: no arrays."""
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in (pieces[0] if pieces else ())}


def read(path: Path) -> Arrays:
    with np.load(path) as arrays:
        return dict(arrays)


def write(path: Path, arrays: Arrays) -> None:
    """Atomically: the file is absent or whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            np.savez(file, **arrays)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
