"""Documents as ids: tokenised once, kept in files, mapped into memory.

A folder of the cache holds, for one split of one source and one tokenizer:

    ids.bin      ids of all documents end to end, uint16 or uint32
    widths.bin   the UTF-8 bytes that each id stands for, uint16 (a longer token counts as 65,535)
    index.npz    offsets (documents + 1,), labels (documents,) as numbers, -1: none
    meta.json    the names of the labels and the counts
"""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from uuid import uuid4

import numpy as np

from lit_pretrain.datamodules.files import arrays, divide, json_object, mapped
from lit_pretrain.datamodules.progress import told
from lit_pretrain.datamodules.split import Numbering
from lit_pretrain.datamodules.text.source.base import Document
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer

FORMAT = 2  # of these files and of what their numbers mean; part of the folder's name
AT_ONCE = 512  # documents that are tokenised together


@dataclass(frozen=True)
class Tokens:
    """Ids of all documents of a split."""

    ids: np.ndarray
    widths: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]


def tokenise(documents: Iterator[Document], tokenizer: Tokenizer, folder: Path, what: str) -> Tokens:
    """The ids of `documents`, from `folder` if it is there; else they are made and it is written, at once and whole.

    Raises:
        ValueError: the folder is damaged.
    """
    if not folder.is_dir():
        partial = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
        partial.mkdir(parents=True)
        try:
            _write(documents, tokenizer, partial, what)
            os.replace(partial, folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same content
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    try:
        return _read(folder)
    except ValueError as error:
        raise ValueError(f"{folder} is damaged: delete it, it will be made again ({error})") from error


def _read(folder: Path) -> Tokens:
    meta, index = json_object(folder / "meta.json", "dtype", "tokens", "labels"), arrays(folder / "index.npz")
    ids, widths = mapped(folder / "ids.bin", meta["dtype"]), mapped(folder / "widths.bin", "uint16")
    offsets, labels = (index.get(name, np.empty(0)) for name in ("offsets", "labels"))
    if not len(ids) == len(widths) == meta["tokens"] or not divide(offsets, len(ids)):
        raise ValueError(f"{len(ids)} ids and {len(widths)} widths instead of {meta['tokens']}, or other offsets")
    if not all(isinstance(name, str) for name in meta["labels"]):
        raise ValueError(f"names of labels that are no text: {str(meta['labels'])[:40]!a}")
    if labels.shape != (len(offsets) - 1,) or not (labels >= -1).all() or not (labels < len(meta["labels"])).all():
        raise ValueError(f"labels that are no numbers of {len(offsets) - 1} documents")
    return Tokens(ids, widths, offsets, labels, tuple(meta["labels"]))


def _write(documents: Iterator[Document], tokenizer: Tokenizer, folder: Path, what: str) -> None:
    dtype = "uint16" if tokenizer.vocabulary.size <= 2**16 else "uint32"
    offsets, labels = [0], Numbering()
    with (
        open(folder / "ids.bin", "wb") as ids_file,
        open(folder / "widths.bin", "wb") as widths_file,
        told(f"tokenising {what}", "documents", "tokens") as tell,
    ):
        while rows := list(islice(documents, AT_ONCE)):
            for row, (ids, widths) in zip(rows, tokenizer.encode([r.text for r in rows]), strict=True):
                np.asarray(ids, dtype).tofile(ids_file)
                np.minimum(widths, 2**16 - 1).astype("uint16").tofile(widths_file)
                offsets.append(offsets[-1] + len(ids))
                labels.add(row.label)
            tell(len(rows), offsets[-1])
    numbers, names = labels.by_name()
    np.savez(folder / "index.npz", offsets=np.array(offsets, np.int64), labels=numbers)
    meta = {"dtype": dtype, "labels": names, "documents": len(numbers), "tokens": offsets[-1]}
    (folder / "meta.json").write_text(json.dumps(meta))
