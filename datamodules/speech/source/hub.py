"""Audio columns of Hugging Face `datasets`, on the hub or on disk."""

from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from lit_pretrain.datamodules import hub
from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.base import NoRecordings, Recordings, Source
from lit_pretrain.datamodules.split import digest, held_out
from lit_pretrain.datamodules.unreadable import Unreadable, reason


class Hub(Source):
    """A data set by its name on the hub, or a folder that `save_to_disk` wrote. Code of a data set is never run.

    A folder that holds one data set without splits serves as `train`; set `test` to None then.

    Args:
        name: name on the hub, or folder.
        config: configuration of the data set; None: its only one.
        audio_field, label_field, text_field: columns.
        seconds_field: the column with the length in seconds; None: all headers are read once.
        train, validation, test: its names of the splits; None: it has no such split.
        validation_fraction: without `validation`, this share of the training recordings.
        revision: of the data set, to fix its content.
    """

    def __init__(
        self,
        name: str,
        config: str | None = None,
        *,
        audio_field: str = "audio",
        label_field: str | None = None,
        text_field: str | None = None,
        seconds_field: str | None = None,
        train: str = "train",
        validation: str | None = None,
        test: str | None = "test",
        validation_fraction: float = 0.0,
        revision: str | None = None,
    ):
        self.name, self.config, self.revision, self.validation_fraction = name, config, revision, validation_fraction
        self.audio_field, self.label_field, self.text_field = audio_field, label_field, text_field
        self.seconds_field = seconds_field
        self.splits = {"train": train, "validation": validation, "test": test}
        self._loaded: dict[str, datasets.Dataset] = {}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return hub.class_names(self._load("train"), self.label_field)

    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        rows = self._rows(split)
        return NoRecordings() if rows is None else Rows(self, rows, decoder)

    def fingerprint(self, split: str) -> str:
        rows = self._rows(split)
        fields = (self.audio_field, self.label_field, self.text_field)
        return digest(split, fields, "" if rows is None else rows._fingerprint)

    def _rows(self, split: str) -> datasets.Dataset | None:
        """All columns of a split, the audio undecoded."""
        cut = split != "test" and self.validation_fraction > 0 and self.splits["validation"] is None
        if self.splits[split] is None and not cut:
            return None
        rows = self._load("train" if cut else split)
        return rows.select(held_out(len(rows), self.validation_fraction, split)) if cut else rows

    def _load(self, split: str) -> datasets.Dataset:
        """Raises ValueError: there is no such data set, split or column."""
        if split not in self._loaded:
            rows = hub.load(self.name, self.config, self.splits[split], self.revision)
            hub.check_columns(rows, self.name, self.audio_field, self.label_field, self.text_field, self.seconds_field)
            self._loaded[split] = rows.cast_column(self.audio_field, datasets.Audio(decode=False))
        return self._loaded[split]


class Rows(Recordings):
    """Recordings of a data set, undecoded.

    Args:
        source: knows the columns.
        rows: of the split.
        decoder: reads the recordings.
    """

    def __init__(self, source: Hub, rows: datasets.Dataset, decoder: Decoder):
        self.where, self.decoder = source.name, decoder
        self.audio, self.field = rows.select_columns([source.audio_field]), source.audio_field
        if source.seconds_field is None:
            lengths = (decoder.seconds(_file(row[self.field])) for row in self.audio)
        else:
            lengths = rows[source.seconds_field]
        self.seconds = np.fromiter(lengths, np.float64, len(rows))
        self.labels = hub.labels(rows, source.label_field, source.class_names, source.name)
        self.transcripts = None if source.text_field is None else tuple(rows[source.text_field])

    def read(self, i: int, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        try:
            file = _file(self.audio[i][self.field])
        except Exception as error:  # of a damaged file of the data set
            raise Unreadable(self.name(i), reason(error)) from error
        return self.decoder(file, self.name(i), start, seconds)

    def name(self, i: int) -> str:
        return f"{self.where}, row {i}"


def _file(audio: dict[str, Any] | None) -> Path | bytes:
    """An empty file for a row without a recording, which is then unreadable like any other."""
    if audio is None:
        return b""
    return Path(audio["path"]) if audio.get("bytes") is None else audio["bytes"]
