"""Documents in local files: .txt, .jsonl (also .gz and .zst) and .parquet."""

import difflib
import glob
import gzip
import hashlib
import json
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow
import pyarrow.parquet

from lit_pretrain.datamodules.text.source.base import Document, Source

BLOCK = 4000  # characters: a book of this many blocks has a validation part of its own
SHOWN = 3  # bad rows that are named
SUFFIXES = (".txt", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")


class Files(Source):
    """Local files, folders (all files below that have a known suffix) and globs.

    Bad rows (invalid UTF-8, half a JSON line, no such field) are skipped, counted and named in a warning; too many of
    them stop the run.

    Args:
        train, validation, test: a path, folder or glob, or a list of them.
        text_field, label_field: keys of a JSON line, columns of a parquet file.
        split_on: what is one document of a .txt file: all of it, a paragraph, or a line.
        validation_fraction: without `validation`, this share of the training text: every n-th document, where documents
            longer than BLOCK characters count as several.
        max_bad: the largest share of bad rows.
    """

    def __init__(
        self,
        train: str | list[str],
        validation: str | list[str] | None = None,
        test: str | list[str] | None = None,
        *,
        text_field: str = "text",
        label_field: str | None = None,
        split_on: Literal["file", "blank_line", "line"] = "file",
        validation_fraction: float = 0.0,
        max_bad: float = 0.01,
    ):
        if not 0 <= validation_fraction < 1:
            raise ValueError(f"validation_fraction={validation_fraction} must be a share below 1")
        self.paths = {"train": train, "validation": validation, "test": test}
        self.text_field, self.label_field, self.split_on = text_field, label_field, split_on
        self.validation_fraction, self.max_bad = validation_fraction, max_bad

    def documents(self, split: str) -> Iterator[Document]:
        held_out = self.validation_fraction > 0 and self.paths["validation"] is None
        if not held_out or split == "test":
            yield from self._read(split)
            return
        every = max(2, round(1 / self.validation_fraction))
        for i, block in enumerate(_blocks(self._read("train"))):
            if (i % every == every // 2) == (split == "validation"):
                yield block

    def fingerprint(self, split: str) -> str:
        """Paths, sizes and times of change, and how they are read."""
        own = "train" if split == "validation" and self.paths[split] is None else split
        stats = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in self.files(own)]
        how = (split, self.text_field, self.label_field, self.split_on, self.validation_fraction, BLOCK)
        return hashlib.blake2b(repr((stats, how)).encode(), digest_size=16).hexdigest()

    def files(self, split: str) -> list[Path]:
        """The files of a split, sorted.

        Raises:
            ValueError: a path does not exist, a glob matches nothing, or a suffix is not known.
        """
        given = self.paths[split] or []
        found: list[Path] = []
        for name in [given] if isinstance(given, str) else given:
            path = Path(name).expanduser()
            if path.is_dir():
                below = [p for p in sorted(path.rglob("*")) if p.name.endswith(SUFFIXES)]
            elif path.is_file():
                below = [path]
            else:
                below = [Path(p) for p in sorted(glob.glob(str(path), recursive=True)) if Path(p).is_file()]
            if not below:
                raise ValueError(f"{split} files: {name!r} matches nothing{_nearest(path)}")
            for p in below:
                if not p.name.endswith(SUFFIXES):
                    raise ValueError(f"{split} files: {p} ends in none of {', '.join(SUFFIXES)}")
            found += below
        return found

    def _read(self, split: str) -> Iterator[Document]:
        for path in self.files(split):
            first: list[str] = []
            bad = rows = 0
            for rows, row in self._rows(path):
                if isinstance(row, Document):
                    yield row
                else:
                    bad += 1
                    first += [f"{'row' if path.suffix == '.parquet' else 'line'} {rows}: {row}"] if bad <= SHOWN else []
            if bad:
                what = f"{path}: {bad} of {rows} rows are bad, the first: {'; '.join(first)}"
                if bad > self.max_bad * rows:
                    raise ValueError(f"{what}. Mend the file, or allow more with max_bad")
                warnings.warn(f"{what}. They are skipped", stacklevel=2)

    def _rows(self, path: Path) -> Iterator[tuple[int, Document | str]]:
        """The number of lines or rows so far, with a document or what is wrong with the row.

        Raises:
            ValueError: the file is no such archive, or ends in its middle.
        """
        kinds = {".parquet": self._parquet, ".txt": self._text}
        try:
            yield from kinds.get(path.suffix, self._json_lines)(path)
        except (EOFError, zlib.error, gzip.BadGzipFile, pyarrow.ArrowInvalid, _zstd_error()) as error:
            raise ValueError(f"{path} is damaged ({error}): fetch or pack it again") from error

    def _text(self, path: Path) -> Iterator[tuple[int, Document | str]]:
        lines: list[str] = []
        number = 0
        for number, raw in enumerate(_lines(path), 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                yield number, f"not UTF-8 ({error.reason})"
                continue
            if self.split_on == "line":
                if line.strip():
                    yield number, Document(line.strip())
            elif self.split_on == "blank_line" and not line.strip():
                if lines:
                    yield number, Document("".join(lines).strip())
                lines = []
            else:
                lines.append(line)
        if text := "".join(lines).strip():
            yield number, Document(text)

    def _json_lines(self, path: Path) -> Iterator[tuple[int, Document | str]]:
        for number, raw in enumerate(_lines(path), 1):
            if not raw.strip():
                continue
            try:
                row = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
                yield number, self._document(row)
            except UnicodeError as error:
                yield number, f"not UTF-8 ({error.reason})"
            except json.JSONDecodeError as error:
                yield number, f"not JSON ({error.msg})"
            except (ValueError, RecursionError) as error:
                yield number, str(error)

    def _parquet(self, path: Path) -> Iterator[tuple[int, Document | str]]:
        table = pyarrow.parquet.ParquetFile(path)
        columns = [name for name in (self.text_field, self.label_field) if name]
        if missing := set(columns) - set(table.schema_arrow.names):
            raise ValueError(f"{path}: no column {sorted(missing)}; it has {table.schema_arrow.names}")
        rows = (row for batch in table.iter_batches(columns=columns) for row in batch.to_pylist())
        for number, row in enumerate(rows, 1):
            try:
                yield number, self._document(row)
            except ValueError as error:
                yield number, str(error)

    def _document(self, row: Any) -> Document:
        if not isinstance(row, dict):
            raise ValueError(f"a {type(row).__name__} instead of an object")
        for field in (self.text_field, self.label_field):
            if field is not None and field not in row:
                raise ValueError(f"no field {field!r}; it has {sorted(row)[:8]}")
        if not isinstance(row[self.text_field], str):
            raise ValueError(f"field {self.text_field!r} is no text")
        row[self.text_field].encode()  # JSON can write half a character, which has no UTF-8: a UnicodeError
        label = None if self.label_field is None else row[self.label_field]
        return Document(row[self.text_field], None if label is None else str(label))


def _blocks(documents: Iterator[Document]) -> Iterator[Document]:
    """Documents, the long ones cut at ends of lines."""
    for document in documents:
        lines: list[str] = []
        size = 0
        for line in document.text.splitlines(keepends=True):
            lines.append(line)
            size += len(line)
            if size >= BLOCK:
                yield Document("".join(lines), document.label)
                lines, size = [], 0
        if lines:
            yield Document("".join(lines), document.label)


def _lines(path: Path) -> Iterator[bytes]:
    if path.suffix == ".zst":
        yield from _zstd_lines(path)
    else:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            yield from file


def _zstd_lines(path: Path) -> Iterator[bytes]:
    """Lines of all frames; the library's own reader stops after the first, and takes a torn file for a whole one."""
    try:
        from zstandard import ZstdDecompressor
    except ImportError:
        raise ValueError(f"{path}: reading .zst needs pip install 'lit_pretrain[zstd]'") from None
    frame, rest = None, b""
    with open(path, "rb") as file:
        while packed := file.read(2**20):
            while packed:
                frame = frame or ZstdDecompressor().decompressobj()
                *lines, rest = (rest + frame.decompress(packed)).split(b"\n")
                yield from (line + b"\n" for line in lines)
                packed, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError("it ends in the middle of a frame")
    if rest:
        yield rest


def _zstd_error() -> type[Exception]:
    try:
        from zstandard import ZstdError
    except ImportError:
        return EOFError
    return ZstdError


def _nearest(path: Path) -> str:
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    near = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()], 1) if folder.is_dir() else []
    return f"; did you mean {folder / near[0]}?" if near else f"; {folder} is the nearest folder that exists"
