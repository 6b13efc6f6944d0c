"""Recordings in tar shards of the webdataset layout."""

import json
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lit_pretrain.datamodules.retry import patiently
from lit_pretrain.datamodules.speech.decode import SUFFIXES, Decoder
from lit_pretrain.datamodules.speech.source.base import NoRecordings, Recordings, Source
from lit_pretrain.datamodules.split import digest, numbered
from lit_pretrain.datamodules.tar import Entry, entries, expanded, seekable
from lit_pretrain.datamodules.unreadable import Unreadable, reason

ENDINGS = tuple(suffix[1:] for suffix in SUFFIXES)


class Place(NamedTuple):
    """Where a recording stands in a shard on disk: `size` bytes from `start` on."""

    shard: str
    start: int
    size: int

    def read(self) -> bytes:
        with open(self.shard, "rb") as file:
            file.seek(self.start)
            return file.read(self.size)


class Sample(NamedTuple):
    """
    Args:
        name: of the sample.
        audio: the recording, undecoded; None: it has none.
        seconds: of the recording.
        transcript: what is said in it.
        label: its class.
    """

    name: str
    audio: Place | bytes | None
    seconds: float
    transcript: str | None
    label: str | None


class Shards(Source):
    """Tar files in which neighbours with the same name up to the first dot are one sample: a.flac, a.txt, a.json.

    The recording is the file with an audio ending, the transcript is `txt`, and `json` is an object with what else is
    known. All shards of a split are read once. After that a recording is read where it stands, or held in memory, undecoded,
    where it cannot be: on a web server or in a compressed shard.

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
        self._read: dict[str, list[Sample]] = {}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return tuple(sorted({x.label for x in self._samples("train") if x.label is not None}))

    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        return NoRecordings() if self.given[split] is None else Packed(self._samples(split), self.class_names, decoder)

    def fingerprint(self, split: str) -> str:
        """Of the shards' names."""
        return digest(split, self.label, expanded(self.given[split]) if self.given[split] else None)

    def _samples(self, split: str) -> list[Sample]:
        if split not in self._read:
            shards = expanded(self.given[split] or [])
            self._read[split] = [self._sample(entry, shard if seekable(shard) else None)
                                 for shard in shards for _, entry in entries(shard)]  # fmt: skip
        return self._read[split]

    def _sample(self, entry: Entry, shard: str | None) -> Sample:
        """shard: what holds the recording from now on; None: memory."""
        ending = next((x for x in ENDINGS if x in entry.files), "")
        audio, text = entry.files.get(ending), entry.files.get("txt")
        label = None if self.label is None else _facts(entry).get(self.label)
        return Sample(
            entry.name,
            audio if shard is None or audio is None else Place(shard, entry.places[ending], len(audio)),
            0.0 if audio is None else Decoder().seconds(audio),
            None if text is None else text.decode("utf-8", "replace").strip(),
            None if label is None else str(label),
        )


class Packed(Recordings):
    """Samples of shards.

    Args:
        samples: of a split.
        class_names: see `Source`.
        decoder: reads the recordings.
    """

    def __init__(self, samples: list[Sample], class_names: tuple[str, ...], decoder: Decoder):
        self.samples, self.decoder = samples, decoder
        self.seconds = np.array([x.seconds for x in samples])
        self.labels = numbered((x.label for x in samples), class_names, "shards") if class_names else None
        self.transcripts = [x.transcript for x in samples] if any(x.transcript for x in samples) else None

    def read(self, i: int, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        audio = self.samples[i].audio
        if audio is None:
            raise Unreadable(self.name(i), f"none of its files ends in {', '.join(ENDINGS)}")
        try:
            file = patiently(audio.read, f"shard {audio.shard}", sample=False) if isinstance(audio, Place) else audio
        except OSError as error:
            raise Unreadable(self.name(i), reason(error)) from error
        return self.decoder(file, self.name(i), start, seconds)

    def name(self, i: int) -> str:
        return self.samples[i].name


def _facts(entry: Entry) -> dict[str, Any]:
    try:
        facts = json.loads(entry.files.get("json", b"{}"))
    except ValueError as error:
        raise ValueError(f"{entry.name}.json is no JSON ({reason(error)})") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{entry.name}.json is no object, but {str(facts)[:40]!r}")
    return facts
