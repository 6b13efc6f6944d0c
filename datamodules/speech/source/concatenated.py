"""Strings of words made of recordings of single words."""

import numpy as np

from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.base import Recordings, Source, part
from lit_pretrain.datamodules.split import SPLITS, digest


class Concatenated(Source):
    """Recordings that are several recordings of another source one after the other; the transcript is their classes.

    Which follow which is drawn once and for all. The digits of FSDD become digit strings so.

    Args:
        source: of labelled recordings.
        length: recordings of a string, at least and at most.
        count: strings of the training split; the other splits have as many for each of their recordings.
        pause: seconds of silence between two, at most.
        seed: of the choice.
    """

    def __init__(
        self,
        source: Source,
        length: tuple[int, int] = (3, 7),
        count: int = 2000,
        *,
        pause: float = 0.1,
        seed: int = 0,
    ):
        low, high = self.length = tuple(length)
        if not 1 <= low <= high:
            raise ValueError(f"length={list(length)}: give the least and the most recordings of a string, at least 1")
        self.source, self.count, self.pause, self.seed = source, count, pause, seed
        self._train: int | None = None  # recordings of the training split; to count them reads all of their headers

    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        inner = self.source.recordings(split, decoder)
        if len(inner) and inner.labels is None:
            raise ValueError(f"{type(self.source).__name__} has no classes in {split!r} that could be a transcript")
        if split == "train":
            self._train = len(inner)
        elif self._train is None:
            self._train = len(self.source.recordings("train", decoder))
        return Strings(inner, self, split, round(self.count * len(inner) / max(1, self._train)), decoder.sample_rate)

    def fingerprint(self, split: str) -> str:
        own = (split, self.length, self.count, self.pause, self.seed)
        return digest(*own, self.source.fingerprint(split), self.source.fingerprint("train"))


class Strings(Recordings):
    """See `Concatenated`."""

    def __init__(self, inner: Recordings, source: Concatenated, split: str, count: int, rate: int):
        self.inner, self.rate = inner, rate
        rng = np.random.default_rng([source.seed, SPLITS.index(split)])
        labelled = np.arange(len(inner)) if inner.labels is None else np.flatnonzero(inner.labels >= 0)
        lengths = rng.integers(source.length[0], source.length[1] + 1, count if len(labelled) else 0)
        self.parts = [rng.choice(labelled, n) for n in lengths]
        self.pauses = [rng.uniform(0, source.pause, n) for n in lengths]
        names = source.source.class_names
        self.transcripts = tuple(" ".join(names[inner.labels[i]] for i in numbers) for numbers in self.parts)
        both = zip(self.parts, self.pauses, strict=True)
        self.seconds = np.array([inner.seconds[numbers].sum() + pauses.sum() for numbers, pauses in both])

    def read(self, i: int, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        pieces = []
        for number, pause in zip(self.parts[i], self.pauses[i], strict=True):
            pieces += [self.inner.read(int(number)), np.zeros(round(pause * self.rate), np.float32)]
        return part(np.concatenate(pieces), self.rate, start, seconds)

    def name(self, i: int) -> str:
        return f"string {i} of " + ", ".join(self.inner.name(int(number)) for number in self.parts[i])
