"""Recordings in tar shards of the webdataset layout."""

import json
from functools import cached_property
from typing import Any

import numpy as np

from lit_pretrain.datamodules.speech.decode import SUFFIXES, Decoder
from lit_pretrain.datamodules.speech.source.base import NoRecordings, Recordings, Source
from lit_pretrain.datamodules.split import digest, numbered
from lit_pretrain.datamodules.tar import Entry, entries, expanded
from lit_pretrain.datamodules.unreadable import Unreadable, reason

ENDINGS = tuple(suffix[1:] for suffix in SUFFIXES)


class Shards(Source):
    """Tar files in which neighbours with the same name up to the first dot are one sample: a.flac, a.txt, a.json.

    The recording is the file with an audio ending, the transcript is `txt`, and `json` is an object with what else is
    known. All shards of a split are read into memory, undecoded.

    Args:
        train, validation, test: paths and http(s) addresses, or a list of them, with braces ({000..127}, {a,b}) and, on
            disk, with wildcards; None: no such split.
        label: the key of `json` that is the class; None: unlabelled.
    """

    def __init__(
        self,
        train: str | list[str],
        validation: str | list[str] | None = None,
        test: str | list[str] | None = None,
        *,
        label: str | None = None,
    ):
        self.given, self.label = {"train": train, "validation": validation, "test": test}, label
        self._read: dict[str, list[Entry]] = {}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return tuple(sorted({name for name in self._labels("train") if name is not None}))

    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        if self.given[split] is None:
            return NoRecordings()
        return Packed(self._entries(split), self._labels(split), self.class_names, decoder)

    def fingerprint(self, split: str) -> str:
        """Of the shards' names."""
        return digest(split, self.label, expanded(self.given[split]) if self.given[split] else None)

    def _entries(self, split: str) -> list[Entry]:
        if split not in self._read:
            shards = expanded(self.given[split] or [])
            self._read[split] = [entry for shard in shards for _, entry in entries(shard)]
        return self._read[split]

    def _labels(self, split: str) -> list[str | None]:
        if self.label is None:
            return [None] * len(self._entries(split))
        found = (_facts(entry).get(self.label) for entry in self._entries(split))
        return [None if value is None else str(value) for value in found]


class Packed(Recordings):
    """Samples in memory, their recordings undecoded.

    Args:
        members: the samples.
        labels: the class of each.
        class_names: see `Source`.
        decoder: reads the recordings.
    """

    def __init__(self, members: list[Entry], labels: list[str | None], class_names: tuple[str, ...], decoder: Decoder):
        self.members, self.decoder = members, decoder
        self.files = [next((e.files[x] for x in ENDINGS if x in e.files), None) for e in members]
        self.seconds = np.array([0.0 if file is None else decoder.seconds(file) for file in self.files])
        self.labels = numbered(labels, class_names, "shards") if class_names else None
        texts = [e.files["txt"].decode("utf-8", "replace").strip() if "txt" in e.files else None for e in members]
        self.transcripts = texts if any(texts) else None

    def read(self, i: int, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        if self.files[i] is None:
            raise Unreadable(self.name(i), f"none of its files ends in {', '.join(ENDINGS)}")
        return self.decoder(self.files[i], self.name(i), start, seconds)

    def name(self, i: int) -> str:
        return self.members[i].name


def _facts(entry: Entry) -> dict[str, Any]:
    try:
        facts = json.loads(entry.files.get("json", b"{}"))
    except ValueError as error:
        raise ValueError(f"{entry.name}.json is no JSON ({reason(error)})") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{entry.name}.json is no object, but {str(facts)[:40]!r}")
    return facts
