"""Where recordings come from. Legend: N recordings of a split, S samples of one."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.part import Recorded


class Recordings:
    """The recordings of a split, always in the same order.

    Attributes:
        seconds: (N,) float64 length of each, for planning batches; 0: not known before it is read.
        labels: (N,) int64 numbers in the source's `class_names`, -1 where a recording has none; None: unlabelled.
        transcripts: (N,) what is said in each; None where it is not known.
        weights: (N,) how many times an epoch draws each, on average; None: once.
    """

    seconds: np.ndarray
    labels: np.ndarray | None = None
    transcripts: Sequence[str | None] | None = None
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.seconds)

    @abstractmethod
    def read(self, i: int, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        """(S,) float32 between -1 and 1 at the decoder's rate, from `start` on.

        Raises:
            Unreadable: the recording cannot be decoded.
        """

    def unit_labels(self, i: int) -> np.ndarray | None:
        """int64 classes of equal stretches of the whole recording, numbers in `unit_names`; None: it has none."""
        return None

    def name(self, i: int) -> str:
        """What a message calls recording i, such as its file."""
        return f"recording {i}"


class Source(Recorded):
    """Recordings of the splits `train`, `validation` and `test`.

    Attributes:
        class_names: names of the labels, in the order of their numbers; empty: unlabelled.
        unit_names: names of the classes of stretches, such as phones; empty: there are none.
    """

    class_names: tuple[str, ...] = ()
    unit_names: tuple[str, ...] = ()

    @abstractmethod
    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        """The recordings of a split; none where the source has no such split.

        Args:
            split: "train", "validation" or "test".
            decoder: makes waveforms of files and says at which rate.
        """

    @abstractmethod
    def fingerprint(self, split: str) -> str:
        """Changes when the recordings or their order change."""


class NoRecordings(Recordings):
    """What a split holds that the source does not have."""

    def __init__(self):
        self.seconds = np.zeros(0)

    def read(self, i: int, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        raise IndexError(f"recording {i} of none")


def part(samples: np.ndarray, rate: int, start: float, seconds: float | None) -> np.ndarray:
    """(S,) -> the stretch of a waveform that is in memory."""
    first = round(start * rate)
    return samples[first:] if seconds is None else samples[first : first + round(seconds * rate)]
