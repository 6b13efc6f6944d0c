"""Programs as numbers: parsed and encoded once, kept in files, mapped into memory.

A folder of the cache holds, for one split of one source, one tokenizer and some languages:

    ids.bin, ...   a file for each of `encode.COLUMNS`, of all programs end to end
    index.npz      offsets of the files, (programs + 1,) each, and of each program `docs`, the number of tokens of its
                   description, its label as a number, -1: none, and a digest of its text
    meta.json      the names of the labels, the types of the numbers, and the counts

While it is made, it is a folder of parts. A part holds the examples of the next AT_ONCE programs of the source, and is
written at once and whole: a preparation that was cut goes on with the first part that is missing.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lit_pretrain.datamodules.code.encode import COLUMNS
from lit_pretrain.datamodules.code.parts import OF_TOKENS, RAGGED, Part, join, write_parts
from lit_pretrain.datamodules.code.source.base import Source
from lit_pretrain.datamodules.files import arrays, divide, json_object, mapped
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer

FORMAT = 1  # of these files and of what their numbers mean; part of the folder's name


@dataclass(frozen=True)
class Programs:
    """All programs of a split.

    Args:
        columns: name -> numbers of all programs, mapped into memory.
        offsets: of those in `RAGGED`, (programs + 1,).
        docs: (programs,) tokens of each description.
        labels: (programs,) number in `label_names`; -1: none.
        digests: (programs, 16) bytes, equal where all but the label is equal.
        counts: what became of the source's programs.
    """

    columns: dict[str, np.ndarray]
    offsets: dict[str, np.ndarray]
    docs: np.ndarray
    labels: np.ndarray
    digests: np.ndarray
    label_names: tuple[str, ...]
    counts: dict[str, int]


def prepare(source: Source, split: str, tokenizer: Tokenizer, languages: tuple[str, ...], folder: Path, *,
            without: tuple[Programs, ...] = (), num_workers: int = 0) -> Programs:  # fmt: skip
    """The programs of a split, from `folder` if it is there; else they are made and it is written.

    Args:
        source: where programs come from.
        tokenizer: ready to encode.
        languages: programs in others are left out.
        folder: of the cache; its name changes with all of these.
        without: what is in these is left out.
        num_workers: processes that parse and encode; 0: this one.

    Raises:
        ValueError: the folder is damaged.
    """
    parts = folder.with_name(f".{folder.name}.parts")
    while not folder.is_dir():
        parts.mkdir(parents=True, exist_ok=True)
        with _alone(parts) as first:
            if not first or folder.is_dir():  # another process has made it
                continue
            write_parts(source, split, Part(parts, tokenizer, languages), num_workers)
            others = {row.tobytes() for other in without for row in other.digests}
            join(parts, folder, source.counts, others)
            _tell(split, json.loads((folder / "meta.json").read_text())["counts"])
            shutil.rmtree(parts, ignore_errors=True)
    try:
        return _read(folder)
    except ValueError as error:
        raise ValueError(f"{folder} is damaged: delete it, it will be made again ({error})") from error


def _read(folder: Path) -> Programs:
    meta = json_object(folder / "meta.json", "dtypes", "labels", "counts")
    index, dtypes = arrays(folder / "index.npz"), meta["dtypes"]
    if not isinstance(dtypes, dict) or dtypes.keys() != set(COLUMNS) or not isinstance(meta["labels"], list):
        raise ValueError("meta.json says nothing of the columns or labels")
    if not all(isinstance(name, str) for name in meta["labels"]):
        raise ValueError(f"names of labels that are no text: {str(meta['labels'])[:40]!a}")
    columns = {name: mapped(folder / f"{name}.bin", dtypes[name]) for name in COLUMNS}
    if missing := {*RAGGED, "docs", "labels", "digests"} - index.keys():
        raise ValueError(f"index.npz lacks {', '.join(sorted(missing))}")
    offsets = {name: index[name] for name in RAGGED}
    for name, column in columns.items():
        if not divide(offsets["ids" if name in OF_TOKENS else name], len(column)):
            raise ValueError(f"{name}.bin holds {len(column)} numbers instead of those of index.npz")
    if {len(index[name]) for name in ("docs", "labels", "digests")} != {len(offsets["ids"]) - 1}:
        raise ValueError("index.npz holds columns of different lengths")
    return Programs(
        columns, offsets, index["docs"], index["labels"], index["digests"], tuple(meta["labels"]), meta["counts"]
    )


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Only one process at a time; the others wait. The lock ends with its process and its workers, however they end.

    False: the folder has gone in the meantime.
    """
    try:
        lock = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder.is_dir()
    finally:
        os.close(lock)


def _tell(split: str, counts: dict[str, int]) -> None:
    print(f"{split}: {', '.join(f'{count:,} {what}' for what, count in counts.items())}", flush=True)
