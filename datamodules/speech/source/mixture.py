"""Several corpora in one, the small ones heard more often. Legend: K corpora, N recordings of all."""

from functools import cached_property

import numpy as np

from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.base import Recordings, Source
from lit_pretrain.datamodules.split import digest


class Mixture(Source):
    """A training example comes from corpus k with a probability that grows as its hours to the power 1 / temperature.

    At temperature 1 corpora are heard as they are, and the higher it is, the more equally (multi-domain pretraining, arXiv
    2104.01027). An epoch has as many examples as there are recordings. Validation and test hold every recording once.
    Classes and classes of stretches are those of all corpora, by name.

    Args:
        sources: K corpora.
        temperature: at least 1.
    """

    def __init__(self, sources: list[Source], temperature: float = 1.0):
        if not sources or temperature < 1:
            raise ValueError(f"Mixture of {len(sources)} sources at temperature={temperature}: give at least one source, and"
                             " a temperature of at least 1")  # fmt: skip
        self.sources, self.temperature = list(sources), temperature

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return _union([source.class_names for source in self.sources])

    @cached_property
    def unit_names(self) -> tuple[str, ...]:
        return _union([source.unit_names for source in self.sources])

    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        corpora = [source.recordings(split, decoder) for source in self.sources]
        return Mixed(self, corpora, self.temperature if split == "train" else None)

    def fingerprint(self, split: str) -> str:
        return digest(split, self.temperature, [source.fingerprint(split) for source in self.sources])


class Mixed(Recordings):
    """Corpora end to end.

    Args:
        source: knows the names.
        corpora: the recordings of each.
        temperature: see `Mixture`; None: each recording once.
    """

    def __init__(self, source: Mixture, corpora: list[Recordings], temperature: float | None):
        self.corpora = corpora
        self.first = np.cumsum([0, *(len(corpus) for corpus in corpora)])
        self.seconds = np.concatenate([corpus.seconds for corpus in corpora])
        if any(corpus.labels is not None for corpus in corpora):
            self.labels = np.concatenate([
                _renumbered(corpus.labels, len(corpus), own.class_names, source.class_names)
                for corpus, own in zip(corpora, source.sources, strict=True)
            ])  # fmt: skip
        if any(corpus.transcripts is not None for corpus in corpora):
            self.transcripts = [text for c in corpora for text in (c.transcripts or [None] * len(c))]
        self.numbers = [_places(own.unit_names, source.unit_names) for own in source.sources]
        if temperature is not None:
            hours = np.array([max(corpus.seconds.sum(), 1e-9) for corpus in corpora]) ** (1 / temperature)
            hours[np.diff(self.first) == 0] = 0
            share = hours / hours.sum() * len(self)
            self.weights = np.repeat(share / np.maximum(1, np.diff(self.first)), np.diff(self.first))

    def read(self, i: int, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        corpus, number = self._at(i)
        return self.corpora[corpus].read(number, start, seconds)

    def unit_labels(self, i: int) -> np.ndarray | None:
        corpus, number = self._at(i)
        found = self.corpora[corpus].unit_labels(number)
        return None if found is None else self.numbers[corpus][found]

    def name(self, i: int) -> str:
        corpus, number = self._at(i)
        return self.corpora[corpus].name(number)

    def _at(self, i: int) -> tuple[int, int]:
        corpus = int(np.searchsorted(self.first, i, side="right")) - 1
        return corpus, int(i - self.first[corpus])


def _union(names: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for own in names for name in own))


def _places(own: tuple[str, ...], names: tuple[str, ...]) -> np.ndarray:
    """The number in `names` of each of `own`; the last entry keeps -1."""
    return np.array([*(names.index(name) for name in own), -1], np.int64)


def _renumbered(labels: np.ndarray | None, count: int, own: tuple[str, ...], names: tuple[str, ...]) -> np.ndarray:
    return np.full(count, -1) if labels is None else _places(own, names)[labels]
