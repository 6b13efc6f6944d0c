"""Files of features. Legend: N examples of a shard, D width."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

Columns = dict[str, np.ndarray]  # name -> (N,) or (N, ...)


def write(path: Path, columns: Columns) -> None:
    """In the format of the suffix; atomically: the file is absent or whole.

    Raises:
        ValueError: there is no such format.
    """
    if path.suffix not in WRITERS:
        raise ValueError(f"format={path.suffix[1:]!r} is none of {', '.join(FORMATS)}")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        WRITERS[path.suffix](partial, columns)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _npz(path: Path, columns: Columns) -> None:
    with open(path, "wb") as file:
        np.savez(file, **columns)


def _safetensors(path: Path, columns: Columns) -> None:
    save_file({name: np.ascontiguousarray(found) for name, found in columns.items()}, path)


def _parquet(path: Path, columns: Columns) -> None:
    """Vectors are lists of one fixed size."""
    import pyarrow as arrow
    from pyarrow import parquet

    def column(found: np.ndarray) -> arrow.Array:
        flat = arrow.array(found.reshape(-1))
        return flat if found.ndim == 1 else arrow.FixedSizeListArray.from_arrays(flat, found[0].size)

    parquet.write_table(arrow.table({name: column(found) for name, found in columns.items()}), path)


WRITERS: dict[str, Callable[[Path, Columns], None]] = {".parquet": _parquet, ".safetensors": _safetensors, ".npz": _npz}
FORMATS = tuple(suffix[1:] for suffix in WRITERS)
