"""Lists of audio files with what is known of them."""

import csv
import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_pretrain.datamodules.lines import json_lines, text_lines
from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.base import NoRecordings, Recordings, Source
from lit_pretrain.datamodules.speech.source.files import Entry, Files
from lit_pretrain.datamodules.split import digest, held_out

PATH = ("path", "audio_filepath", "file", "wav")
SECONDS = ("seconds", "duration")


class Manifest(Source):
    """A `.jsonl` file with an object a line, or a `.tsv` file with a header, for each split.

    Columns: `path` (relative to the manifest), and where they are known `duration` in seconds, the transcript and the
    class. `audio_filepath`, `file` and `wav` are taken for `path`, `seconds` for `duration`.

    Args:
        train, validation, test: the files; None: no such split.
        label: the column that is the class; None: unlabelled.
        transcript: the column that is what is said.
        validation_fraction: without `validation`, this share of the training recordings.
    """

    def __init__(
        self,
        train: str,
        validation: str | None = None,
        test: str | None = None,
        *,
        label: str | None = None,
        transcript: str = "text",
        validation_fraction: float = 0.0,
    ):
        self.given = {"train": train, "validation": validation, "test": test}
        self.label, self.transcript, self.validation_fraction = label, transcript, validation_fraction
        self._read: dict[str, list[Entry]] = {}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return tuple(sorted({entry.label for entry in self._entries("train") if entry.label is not None}))

    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        entries = self._split(split)
        return (
            Files(entries, decoder, self.class_names, self.given[split] or self.given["train"])
            if entries
            else NoRecordings()
        )

    def fingerprint(self, split: str) -> str:
        return digest(split, self.label, self.transcript, self._split(split))

    def _split(self, split: str) -> list[Entry]:
        if split != "test" and self.given["validation"] is None:
            every = self._entries("train")
            return [every[i] for i in held_out(len(every), self.validation_fraction, split)]
        return self._entries(split)

    def _entries(self, split: str) -> list[Entry]:
        if self.given[split] is None:
            return []
        if split not in self._read:
            file = Path(self.given[split]).expanduser()
            if not file.is_file():
                raise ValueError(f"manifest of {split!r}: there is no file {str(file)!r}")
            self._read[split] = [self._entry(file, number, row) for number, row in _rows(file)]
        return self._read[split]

    def _entry(self, file: Path, number: int, row: dict[str, Any]) -> Entry:
        path = next((row[name] for name in PATH if row.get(name)), None)
        if not isinstance(path, str):
            raise ValueError(
                f"{file}, line {number}: no {' or '.join(PATH)}; it has {', '.join(map(str, row)) or 'nothing'}"
            )
        seconds = next((row[name] for name in SECONDS if row.get(name) not in (None, "")), None)
        if self.label is not None and self.label not in row:
            raise ValueError(f"{file}, line {number}: no column label={self.label!r}; it has {', '.join(map(str, row))}")
        label = row.get(self.label) if self.label else None
        text = row.get(self.transcript)
        if not isinstance(text, str | None):
            raise ValueError(f"{file}, line {number}: the transcript {str(text)[:40]!r} is no text")
        try:
            seconds = None if seconds is None else float(seconds)
            if seconds is not None and not 0 <= seconds < math.inf:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"{file}, line {number}: the duration {str(seconds)[:40]!r} is no number of seconds") from None
        return Entry(str(file.parent / path), None if label in (None, "") else str(label), text or None, seconds)


def _rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and rows.

    Raises:
        ValueError: a line is damaged, or the file's ending is neither .jsonl nor .tsv.
    """
    if file.suffix == ".tsv":
        rows = csv.DictReader((line for _, line in text_lines(file)), delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            yield from enumerate(rows, 2)
        except csv.Error as error:
            raise ValueError(f"{file}, line {rows.line_num}: {error}") from error
        return
    if file.suffix not in (".jsonl", ".json"):
        raise ValueError(f"{file}: a manifest ends in .jsonl or .tsv")
    for number, row in json_lines(file, lambda row: row):
        if isinstance(row, str):
            raise ValueError(f"{file}, line {number}: {row}")
        yield number, row
