"""The data sets that torchaudio lays out."""

from functools import cached_property
from pathlib import Path

import torchaudio

from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.base import NoRecordings, Recordings, Source
from lit_pretrain.datamodules.speech.source.files import Entry, Files
from lit_pretrain.datamodules.split import digest, held_out
from lit_pretrain.datamodules.unreadable import reason

SPLIT_NAMES = {  # what each data set calls its own
    "LIBRISPEECH": {"train": "train-clean-100", "validation": "dev-clean", "test": "test-clean"},
    "SPEECHCOMMANDS": {"train": "training", "validation": "validation", "test": "testing"},
    "YESNO": {},
}


class TorchaudioSet(Source):
    """LIBRISPEECH (transcripts; the class is the speaker), SPEECHCOMMANDS (the class is the word) or YESNO (transcripts).

    torchaudio finds the files and what is known of them; they are read with libsndfile, so no torchcodec is needed. YESNO
    has no splits: a tenth of it serves as validation and a tenth as test.

    Args:
        name: of the data set.
        root: the folder that holds it, as torchaudio lays it out.
        download: fetch what is missing.
        train, validation, test: what the data set calls its splits, where others than the usual are wanted, such as
            `train-other-500` of LIBRISPEECH.
    """

    def __init__(
        self,
        name: str,
        root: str = "data",
        *,
        download: bool = False,
        train: str | None = None,
        validation: str | None = None,
        test: str | None = None,
    ):
        if name not in SPLIT_NAMES:
            raise ValueError(f"name={name!r} is none of {', '.join(SPLIT_NAMES)}; for others use AudioFolder or Manifest")
        self.name, self.root, self.download = name, root, download
        given = {"train": train, "validation": validation, "test": test}
        if name == "YESNO" and any(given.values()):
            raise ValueError(f"YESNO has no splits that could be called {', '.join(filter(None, given.values()))}")
        self.splits = SPLIT_NAMES[name] | {split: value for split, value in given.items() if value is not None}
        self._listed: dict[str, list[Entry]] = {}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return tuple(sorted({entry.label for entry in self._entries("train") if entry.label is not None}))

    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        entries = self._entries(split)
        # Speakers of other splits are none of the classes.
        if self.name == "LIBRISPEECH":
            known = set(self.class_names)
            entries = [Entry(e.path, e.label if e.label in known else None, e.transcript, e.seconds) for e in entries]
        return Files(entries, decoder, self.class_names, self.name) if entries else NoRecordings()

    def fingerprint(self, split: str) -> str:
        return digest(self.name, split, self.splits, [Path(entry.path).name for entry in self._entries(split)])

    def _entries(self, split: str) -> list[Entry]:
        if split not in self._listed:
            self._listed[split] = self._yesno(split) if self.name == "YESNO" else self._of_split(split)
        return self._listed[split]

    def _yesno(self, split: str) -> list[Entry]:
        found = self._open()
        entries = [Entry(str(Path(found._path) / f"{name}.wav"), None, _words(name)) for name in found._walker]
        train = held_out(len(entries), 0.2, "train")
        rest = held_out(len(entries), 0.2, "validation")
        own = {"train": train, "validation": rest[::2], "test": rest[1::2]}[split]
        return [entries[i] for i in own]

    def _of_split(self, split: str) -> list[Entry]:
        if self.name == "LIBRISPEECH":
            found = self._open(url=self.splits[split])
            rows = (found.get_metadata(i) for i in range(len(found)))
            return [Entry(str(Path(found._archive) / path), str(speaker), text) for path, _, text, speaker, *_ in rows]
        found = self._open(subset=self.splits[split])
        rows = (found.get_metadata(i) for i in range(len(found)))
        return [Entry(str(Path(found._archive) / path), word) for path, _, word, *_ in rows]

    def _open(self, **which: str) -> torchaudio.datasets.YESNO:
        try:
            if self.download:
                Path(self.root).mkdir(parents=True, exist_ok=True)
            return getattr(torchaudio.datasets, self.name)(self.root, download=self.download, **which)
        except Exception as error:  # each data set has its own way of missing files
            advice = "" if self.download else ", or set download: true"
            raise ValueError(f"{self.name} cannot be read from root={self.root!r} ({reason(error)}): name the folder that"
                             f" holds it{advice}") from error  # fmt: skip


def _words(name: str) -> str:
    """`0_1_1` -> "no yes yes"."""
    return " ".join("yes" if word == "1" else "no" for word in name.split("_"))
