"""From the file of a recording to a waveform, or a reason why not. Legend: S samples."""

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
import torch
from torchaudio.functional import resample

from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.retry import patiently
from lit_pretrain.datamodules.unreadable import Unreadable, reason

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au")
RATES = (500, 2_000_000)  # samples a second; a damaged header says others, and would make hours of a moment
TAPS = 2**26  # numbers of a filter that changes the rate; more only where rates have nearly nothing in common
UNKNOWN = (0, 0xFFFFFFFF)  # sizes in the header of a WAV file that was written as a stream


@dataclass(frozen=True)
class Decoder:
    """Decodes with libsndfile, at one sample rate and in one channel.

    Args:
        sample_rate: of the waveform, in Hz.
        resample: convert recordings of other rates; otherwise they are unreadable.
        downmix: average the channels; otherwise recordings of several channels are unreadable.
        min_seconds: shorter recordings are unreadable.
        silence: a recording whose largest sample is no larger is unreadable; full scale is 1.
    """

    sample_rate: int = 16000
    resample: bool = True
    downmix: bool = True
    min_seconds: float = 0.05
    silence: float = 1e-4

    def __call__(self, file: Path | bytes, name: str, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        """(S,) float32 between -1 and 1.

        Args:
            file: its path or its bytes.
            name: what a message calls it.
            start: where to begin, in seconds.
            seconds: how much to read; None: to the end.

        Raises:
            Unreadable: the file is missing, empty, truncated, silent, no recording, or of a kind that is not wanted.
            DataLost: the disk or the folder is gone, and does not come back.
        """
        try:
            samples, rate = patiently(lambda: self._read(file, name, start, seconds), name)
        except (Unreadable, DataLost):
            raise
        except Exception as error:  # libsndfile and the file system
            raise Unreadable(name, reason(error)) from error
        return self.waveform(samples, rate, name)

    def _read(self, file: Path | bytes, name: str, start: float, seconds: float | None) -> tuple[np.ndarray, int]:
        """(S, channels), and how many a second."""
        _check_whole(file)
        with soundfile.SoundFile(_opened(file)) as sound:
            rate = sound.samplerate
            self._check(name, rate, sound.channels, sound.frames)
            sound.seek(min(round(start * rate), max(0, sound.frames - 1)))
            wanted = sound.frames - sound.tell() if seconds is None else round(seconds * rate)
            wanted = min(wanted, sound.frames - sound.tell())
            samples = sound.read(wanted, dtype="float32", always_2d=True)
        if len(samples) < wanted:
            raise Unreadable(name, f"ends after {len(samples)} of {wanted} samples: it is truncated or damaged")
        return samples, rate

    def waveform(self, samples: np.ndarray, rate: int, name: str) -> np.ndarray:
        """(S, channels) or (S,) at `rate` -> (S,) float32, checked as a file is."""
        samples = samples.reshape(len(samples), -1).astype(np.float32, copy=False)
        self._check(name, rate, samples.shape[1], len(samples))
        if not np.isfinite(samples).all():
            raise Unreadable(name, "holds samples that are no numbers")
        if np.abs(samples).max() <= self.silence:
            raise Unreadable(name, f"is silent: no sample is larger than silence={self.silence}")
        mono = samples.mean(1)
        if rate == self.sample_rate:
            return np.ascontiguousarray(mono)
        return resample(torch.from_numpy(mono), rate, self.sample_rate).numpy()

    def seconds(self, file: Path | bytes) -> float:
        """Length by the header; 0 where it cannot be read, which is found out when the recording is."""
        try:
            found = soundfile.info(_opened(file))
        except Exception:  # as above
            return 0.0
        return found.frames / found.samplerate

    def _check(self, name: str, rate: int, channels: int, frames: int) -> None:
        if frames < self.min_seconds * rate:
            raise Unreadable(name, f"is {frames / rate:.3f} s long, shorter than min_seconds={self.min_seconds}")
        if rate != self.sample_rate and not self.resample:
            raise Unreadable(name, f"has {rate} samples a second, not sample_rate={self.sample_rate}, and resample is false")
        common = math.gcd(rate, self.sample_rate)
        if not RATES[0] <= rate <= RATES[1] or rate // common * (self.sample_rate // common) > TAPS:
            raise Unreadable(name, f"has {rate} samples a second, which cannot be made sample_rate={self.sample_rate}")
        if channels > 1 and not self.downmix:
            raise Unreadable(name, f"has {channels} channels, and downmix is false")


def _opened(file: Path | bytes) -> BytesIO | str:
    return BytesIO(file) if isinstance(file, bytes) else str(file)


def _check_whole(file: Path | bytes) -> None:
    """Raises ValueError if a WAV file is shorter than its header says: libsndfile reads such a file without a word."""
    if isinstance(file, bytes):
        head, size = file[:8], len(file)
    else:
        size = Path(file).stat().st_size
        with open(file, "rb") as opened:
            head = opened.read(8)
    if size == 0:
        raise ValueError("the file is empty")
    said = int.from_bytes(head[4:8], "little")
    if head[:4] == b"RIFF" and said not in UNKNOWN and size + 1 < said + 8:  # a last byte of padding may be left out
        raise ValueError(f"the file is truncated: it has {size} bytes, and its header says {said + 8}")
