"""Documents in local files: .txt, .jsonl (also .gz and .zst) and .parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pyarrow
import pyarrow.parquet

from lit_pretrain.datamodules.files import changes, find
from lit_pretrain.datamodules.lines import any_field, damaged, good, json_lines, lines, text_field
from lit_pretrain.datamodules.split import digest, of_split
from lit_pretrain.datamodules.text.source.base import Document, Source

BLOCK = 4000  # characters: a book of this many blocks has a validation part of its own
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
        if self.validation_fraction == 0 or self.paths["validation"] is not None or split == "test":
            return self._read(split)
        return of_split(split, lambda source: _blocks(self._read(source)), self.validation_fraction)

    def fingerprint(self, split: str) -> str:
        """Paths, sizes and times of change, and how they are read."""
        own = "train" if split == "validation" and self.paths[split] is None else split
        how = (split, self.text_field, self.label_field, self.split_on, self.validation_fraction, BLOCK)
        return digest(changes(self.files(own)), how)

    def files(self, split: str) -> list[Path]:
        """The files of a split, see `find`."""
        return find(self.paths[split], SUFFIXES, f"{split} files")

    def _read(self, split: str) -> Iterator[Document]:
        for path in self.files(split):
            rows = {".parquet": self._parquet, ".txt": self._text}.get(path.suffix, self._json_lines)(path)
            yield from good(rows, path, self.max_bad, "row" if path.suffix == ".parquet" else "line")

    def _text(self, path: Path) -> Iterator[tuple[int, Document | str]]:
        held: list[str] = []
        number = 0
        for number, raw in enumerate(lines(path), 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                yield number, f"not UTF-8 ({error.reason})"
                continue
            if self.split_on == "line":
                if line.strip():
                    yield number, Document(line.strip())
            elif self.split_on == "blank_line" and not line.strip():
                if held:
                    yield number, Document("".join(held).strip())
                held = []
            else:
                held.append(line)
        if text := "".join(held).strip():
            yield number, Document(text)

    def _json_lines(self, path: Path) -> Iterator[tuple[int, Document | str]]:
        return json_lines(path, self._document)

    def _parquet(self, path: Path) -> Iterator[tuple[int, Document | str]]:
        try:
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
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise damaged(path, error) from error

    def _document(self, row: dict) -> Document:
        label = None if self.label_field is None else any_field(row, self.label_field)
        return Document(text_field(row, self.text_field), None if label is None else str(label))


def _blocks(documents: Iterator[Document]) -> Iterator[Document]:
    """Documents, the long ones cut at ends of lines."""
    for document in documents:
        held: list[str] = []
        size = 0
        for line in document.text.splitlines(keepends=True):
            held.append(line)
            size += len(line)
            if size >= BLOCK:
                yield Document("".join(held), document.label)
                held, size = [], 0
        if held:
            yield Document("".join(held), document.label)
