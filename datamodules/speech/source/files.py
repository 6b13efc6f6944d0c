"""Recordings in files, whatever lists them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.base import Recordings
from lit_pretrain.datamodules.split import numbered


@dataclass(frozen=True)
class Entry:
    """What a list says of one file.

    Args:
        path: of the file.
        label: its class.
        transcript: what is said.
        seconds: its length; None: asked of the file.
    """

    path: str
    label: str | None = None
    transcript: str | None = None
    seconds: float | None = None


class Files(Recordings):
    """Recordings in files.

    Args:
        entries: the files.
        decoder: reads them.
        class_names: see `Source`.
        where: what a message calls the list.

    Raises:
        ValueError: a label is not among the names.
    """

    def __init__(self, entries: Sequence[Entry], decoder: Decoder, class_names: tuple[str, ...], where: str):
        self.paths, self.decoder = np.array([entry.path for entry in entries], str), decoder
        lengths = (decoder.seconds(Path(e.path)) if e.seconds is None else e.seconds for e in entries)
        self.seconds = np.fromiter(lengths, np.float64, len(entries))
        self.labels = numbered((e.label for e in entries), class_names, where) if class_names else None
        self.transcripts = tuple(e.transcript for e in entries) if any(e.transcript for e in entries) else None

    def read(self, i: int, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        return self.decoder(Path(self.paths[i]), self.name(i), start, seconds)

    def name(self, i: int) -> str:
        return str(self.paths[i])
