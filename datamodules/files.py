"""Files below a folder, and where files may be kept that can be made again."""

import difflib
import glob
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lit_pretrain.datamodules.unreadable import reason


def below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Paths relative to the folder, in any order, of the files that end so; links are followed, hidden files left out."""
    for path, _, names in os.walk(folder, followlinks=True):
        inside = Path(path).relative_to(folder)
        for name in names:
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield (inside / name).as_posix()


def cache_folder() -> Path:
    """`LIT_PRETRAIN_CACHE`, or a folder in the user's cache."""
    return Path(os.environ.get("LIT_PRETRAIN_CACHE") or Path.home() / ".cache" / "lit_pretrain")


def mapped(path: Path, dtype: str) -> np.ndarray:
    """The numbers of a file, mapped into memory.

    Raises:
        ValueError: there is no such file, or it does not hold whole numbers of this type.
    """
    try:
        if (kind := np.dtype(dtype)).kind not in "iu":
            raise TypeError(f"{dtype!r} is no type of whole numbers")
        return np.memmap(path, kind, mode="r") if path.stat().st_size else np.empty(0, kind)
    except (OSError, TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({reason(error)})") from error


def json_object(path: Path, *keys: str) -> dict[str, Any]:
    """The object that this library wrote into a file.

    Raises:
        ValueError: there is no such file, it is damaged, or it lacks a key.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no whole JSON ({reason(error)})") from error
    if not isinstance(found, dict) or not found.keys() >= set(keys):
        raise ValueError(f"{path} is no JSON object with {', '.join(keys)}, but {str(found)[:40]!a}")
    return found


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file.

    Raises:
        ValueError: there is no such file, it is damaged, or it holds objects, which could run code.
    """
    try:
        with np.load(path) as found:
            return dict(found)
    except Exception as error:  # numpy, zipfile and zlib each have several ways to refuse
        raise ValueError(f"{path} is no whole .npz file of numbers ({reason(error)})") from error


def divide(offsets: np.ndarray, count: int) -> bool:
    """Whether offsets rise from 0 to `count`."""
    whole = offsets.ndim == 1 and offsets.dtype.kind == "i" and len(offsets) > 0
    return whole and offsets[0] == 0 and offsets[-1] == count and bool((np.diff(offsets) >= 0).all())


def find(given: str | list[str] | None, suffixes: tuple[str, ...], what: str) -> list[Path]:
    """The files that paths, folders (all files below that end so) and globs name, sorted for each.

    Args:
        given: one name or several; None: no files.
        suffixes: how their names end.
        what: what a message calls them.

    Raises:
        ValueError: a path does not exist, a glob matches nothing, or a suffix is not known.
    """
    found: list[Path] = []
    for name in [given] if isinstance(given, str) else given or []:
        path = Path(name).expanduser()
        if path.is_dir():
            matched = [p for p in sorted(path.rglob("*")) if p.name.endswith(suffixes)]
        elif path.is_file():
            matched = [path]
        else:
            matched = [Path(p) for p in sorted(glob.glob(str(path), recursive=True)) if Path(p).is_file()]
        if not matched:
            raise ValueError(f"{what}: {name!r} matches nothing{nearest(path)}")
        for p in matched:
            if not p.name.endswith(suffixes):
                raise ValueError(f"{what}: {p} ends in none of {', '.join(suffixes)}")
        found += matched
    return found


def changes(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Names, sizes and times of change, for fingerprints."""
    return [(str(p.resolve()), (status := p.stat()).st_size, status.st_mtime_ns) for p in paths]


def sizes(files: Sequence[str], folder: Path = Path()) -> list[int]:
    """Bytes of about a hundred of many files, evenly spaced, for fingerprints; -1: not on disk."""
    some = [folder / file for file in files[:: max(1, len(files) // 100)]]
    return [path.stat().st_size if path.exists() else -1 for path in some]


def nearest(path: Path) -> str:
    """For a message: what there is instead of a path that does not exist."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    near = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()], 1) if folder.is_dir() else []
    return f"; did you mean {folder / near[0]}?" if near else f"; {folder} is the nearest folder that exists"
