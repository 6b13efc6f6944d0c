"""From sample numbers to batches of waveforms, in the workers. Legend: N recordings of the split, S samples of one."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from lit_pretrain.datamodules.draws import Draws, fold, run_seed
from lit_pretrain.datamodules.speech.source.base import Recordings
from lit_pretrain.datamodules.speech.targets import Targets
from lit_pretrain.datamodules.units import Units
from lit_pretrain.datamodules.unreadable import Unreadable
from lit_pretrain.datamodules.watched import reading
from lit_pretrain.types import Ragged, SpeechBatch


@dataclass(frozen=True)
class Cut:
    """How long an example is.

    Args:
        seconds: of longer recordings, so much is taken; None: all.
        exact: shorter ones are filled up with zeros, so that all examples are equally long.
        random: the stretch is drawn anew each epoch; otherwise it is the first.
    """

    seconds: float | None = None
    exact: bool = False
    random: bool = False


@dataclass
class Example:
    """
    Args:
        index: number of the recording.
        waveform: (S,) float32.
        units: int64, of equal stretches of the waveform; -1: none.
    """

    index: int
    waveform: np.ndarray
    units: np.ndarray | None


class Samples(Dataset):
    """The recordings of a split by ordinals: k * N + i is recording i as draw k of it, in whatever epoch, is cut.

    Args:
        recordings: the N recordings.
        sample_rate: of the waveforms.
        cut: how they become examples.
        targets: of the transcripts; None: left out.
        units: discrete units that replace the source's own, and the split they are of.
        replace_unreadable: take the next readable recording instead; otherwise leave it out.
        limit: stop looking for readable recordings after so many unreadable ones.
    """

    def __init__(
        self,
        recordings: Recordings,
        sample_rate: int,
        cut: Cut,
        *,
        targets: Targets | None,
        units: tuple[Units, str] | None,
        replace_unreadable: bool,
        limit: int,
    ):
        self.recordings, self.sample_rate, self.cut, self.targets, self.units = recordings, sample_rate, cut, targets, units
        self.replace_unreadable, self.limit = replace_unreadable, limit

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitems__(self, ordinals: list[int]) -> "Collated":
        """All samples of a batch, and (name, reason) of what could not be read; DataLoader asks for them together."""
        examples, unreadable = [], {}
        for ordinal in ordinals:
            draw, i = divmod(ordinal, len(self))
            place = float(Draws(fold(torch.tensor(run_seed()), draw, i)[None]).uniform(1)) if self.cut.random else 0.0
            while len(unreadable) <= self.limit:
                reading(self.recordings.name(i))
                try:
                    examples.append(self.example(i, place))
                    break
                except Unreadable as problem:
                    unreadable[problem.name] = problem.reason
                    if not self.replace_unreadable:
                        break
                    i = (i + 1) % len(self)
        return (self._batch(examples) if examples else None), tuple(unreadable.items())

    def example(self, i: int, place: float) -> Example:
        """Recording i, cut at `place` between 0 (the first stretch) and 1 (the last)."""
        whole, wanted, rate = float(self.recordings.seconds[i]), self.cut.seconds, self.sample_rate
        if wanted is None:
            waveform, start, length = self.recordings.read(i), 0.0, whole
        elif whole > wanted:
            start, length = place * (whole - wanted), wanted
            waveform = self.recordings.read(i, start, wanted)[: round(wanted * rate)]
        else:  # short, or of unknown length
            waveform = self.recordings.read(i)
            whole = len(waveform) / rate
            start, length = place * max(0.0, whole - wanted), min(whole, wanted)
            waveform = waveform[round(start * rate) :][: round(wanted * rate)]
        units = self._units(i)
        if units is not None and whole > 0:
            pace = len(units) / whole  # units a second
            units = units[int(start * pace) : max(int(start * pace) + 1, round((start + length) * pace))]
        if self.cut.exact and wanted is not None:
            missing = round(wanted * rate) - len(waveform)
            if units is not None:
                none = round(len(units) * missing / max(1, len(waveform)))
                units = np.concatenate([units, np.full(none, -1, np.int64)])
            waveform = np.pad(waveform, (0, missing))
        return Example(i, waveform, units)

    def _units(self, i: int) -> np.ndarray | None:
        if self.units is None:
            return self.recordings.unit_labels(i)
        units, split = self.units
        return units.of(split, [i])[0].numpy()

    def _batch(self, examples: list[Example]) -> SpeechBatch:
        index = np.array([example.index for example in examples])
        labels, units, target = self.recordings.labels, [example.units for example in examples], None
        if self.targets is not None and self.recordings.transcripts is not None:
            texts = [self.recordings.transcripts[i] for i in index]
            target = None if None in texts else ragged([self.targets.numbers(text) for text in texts])
        return SpeechBatch(
            torch.from_numpy(np.concatenate([example.waveform for example in examples])),
            tuple(len(example.waveform) for example in examples),
            self.sample_rate,
            labels=torch.from_numpy(labels[index]) if labels is not None and (labels[index] >= 0).all() else None,
            index=torch.from_numpy(index),
            unit_labels=None if any(x is None for x in units) else ragged(units),
            target=target,
        )


def ragged(sequences: list[np.ndarray]) -> Ragged:
    return Ragged(torch.from_numpy(np.concatenate(sequences)), tuple(map(len, sequences)))


Collated = tuple[SpeechBatch | None, tuple[tuple[str, str], ...]]
