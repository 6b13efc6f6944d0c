"""Made-up words spoken by made-up voices, so that every machine has speech whose phones, words and speakers are known.

A source-filter model (Fant, Acoustic Theory of Speech Production, 1960) in the frequency domain: a voice's harmonics, or
noise, under an envelope of formants. Legend: S samples, N frames of 5 ms, H harmonics, P phones of a word.
"""

from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

import numpy as np

from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.base import Recordings, Source, part
from lit_pretrain.datamodules.split import SPLITS, digest

RATE = 8000  # Hz
FRAME = 40  # samples, 5 ms
UNIT = 80  # samples that share a unit label, 10 ms


class Phone(NamedTuple):
    """
    Args:
        formants: Hz, of a vocal tract of 17 cm.
        voice, noise: how loud each source is.
        seconds: usual length.
    """

    formants: tuple[float, float, float]
    voice: float
    noise: float
    seconds: float


# Formants after Peterson and Barney (1952); consonants in rough strokes.
PHONES = {
    "sil": Phone((500, 1500, 2500), 0.0, 0.0, 0.06),
    "a": Phone((730, 1090, 2440), 1.0, 0.0, 0.13),
    "e": Phone((530, 1840, 2480), 1.0, 0.0, 0.12),
    "i": Phone((270, 2290, 3010), 1.0, 0.0, 0.11),
    "o": Phone((570, 840, 2410), 1.0, 0.0, 0.13),
    "u": Phone((300, 870, 2240), 1.0, 0.0, 0.12),
    "m": Phone((250, 1100, 2100), 0.4, 0.0, 0.07),
    "n": Phone((250, 1600, 2500), 0.4, 0.0, 0.07),
    "l": Phone((360, 1100, 2600), 0.6, 0.0, 0.07),
    "s": Phone((3300, 3600, 3900), 0.0, 0.5, 0.10),
    "f": Phone((1400, 2400, 3400), 0.0, 0.2, 0.09),
    "z": Phone((300, 3000, 3600), 0.3, 0.3, 0.08),
    "k": Phone((1700, 1900, 2700), 0.0, 0.5, 0.04),
    "t": Phone((2800, 3300, 3800), 0.0, 0.5, 0.03),
}
WORDS = ("mala", "nisu", "koti", "fela", "zumo", "tanki", "lose", "sifa", "meku", "noza", "talu", "kimo", "suna", "feti",
         "zalo", "limen")  # fmt: skip
SEEN, UNSEEN = 12, 4  # speakers of train and validation, and of test
SIZES = {"train": 1600, "validation": 240, "test": 320}


class Voice(NamedTuple):
    """
    Args:
        pitch: Hz.
        tract: factor of all formants; above 1 for a shorter vocal tract.
        tempo: factor of all lengths.
        breath: noise under voiced sounds.
        tilt: dB an octave by which the harmonics fall.
    """

    pitch: float
    tract: float
    tempo: float
    breath: float
    tilt: float


class Synthesiser(Source):
    """Recordings at 8 kHz of some of 16 words, in 12 voices for train and validation and 4 others for test.

    Unit labels are the phones, one for each 10 ms. Everything is a function of the seed and a recording's number.

    Args:
        words: words of a recording, at least and at most.
        label: the class: the word (recordings of one word only), or the speaker, with all 16 voices in every split.
        noise: white noise added to a recording, from none to this share of its loudness.
        sizes: recordings of each split; None: 1600, 240 and 320.
        seed: of all choices.
    """

    unit_names = tuple(PHONES)

    def __init__(
        self,
        words: tuple[int, int] = (1, 1),
        label: Literal["word", "speaker"] = "word",
        noise: float = 0.5,
        sizes: dict[str, int] | None = None,
        seed: int = 0,
    ):
        low, high = self.words = tuple(words)
        if not 1 <= low <= high:
            raise ValueError(f"words={list(words)}: give the least and the most words of a recording, at least 1")
        if sizes is not None and set(sizes) != set(SPLITS):
            raise ValueError(f"sizes={sizes}: give a number for each of {', '.join(SPLITS)}")
        self.label, self.noise, self.sizes, self.seed = label, noise, dict(sizes or SIZES), seed

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        if self.label == "speaker":
            return tuple(f"speaker{i:02d}" for i in range(SEEN + UNSEEN))
        return WORDS if self.words == (1, 1) else ()

    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        return Spoken(self, split, decoder)

    def fingerprint(self, split: str) -> str:
        return digest("synthesiser", split, self.words, self.label, self.noise, self.sizes, self.seed)


class Spoken(Recordings):
    """What a `Synthesiser` says in a split; made when it is read."""

    def __init__(self, source: Synthesiser, split: str, decoder: Decoder):
        self.source, self.split, self.decoder = source, SPLITS.index(split), decoder
        rng = np.random.default_rng([source.seed, self.split])
        count = source.sizes[split]
        spoken = rng.integers(source.words[0], source.words[1] + 1, count)
        self.said = [tuple(rng.integers(len(WORDS), size=n).tolist()) for n in spoken]
        every = source.label == "speaker"
        voices = range(SEEN + UNSEEN) if every else range(SEEN) if split != "test" else range(SEEN, SEEN + UNSEEN)
        self.voices = rng.choice(list(voices), count)
        self.transcripts = tuple(" ".join(WORDS[w] for w in words) for words in self.said)
        self.seconds = np.array([len(self.unit_labels(i)) * UNIT / RATE for i in range(count)])
        if source.class_names:
            self.labels = self.voices.astype(np.int64) if every else np.array([words[0] for words in self.said], np.int64)

    def read(self, i: int, start: float = 0.0, seconds: float | None = None) -> np.ndarray:
        samples = self.decoder.waveform(waveform(*self._what(i), self.source.noise), RATE, self.name(i))
        return part(samples, self.decoder.sample_rate, start, seconds)

    def unit_labels(self, i: int) -> np.ndarray:
        phones, lengths, _ = score(*self._what(i))
        return np.repeat(phones, lengths)

    def name(self, i: int) -> str:
        return f"synthesised {self.transcripts[i]!r} (speaker {self.voices[i]}, number {i})"

    def _what(self, i: int) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        return (self.source.seed, self.split, i), self.said[i], int(self.voices[i])


def score(key: tuple[int, ...], said: tuple[int, ...], speaker: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Phones, their lengths in units, and the generator of what is still to be drawn.

    Args:
        key: of the random draws.
        said: numbers in WORDS.
        speaker: see `voice`.
    """
    rng = np.random.default_rng(key)
    names = ["sil", *(phone for word in said for phone in (*WORDS[word], "sil"))]
    usual = np.array([PHONES[name].seconds for name in names]) * voice(speaker).tempo
    lengths = np.maximum(1, np.rint(usual * rng.uniform(0.8, 1.25, len(names)) * RATE / UNIT)).astype(np.int64)
    return np.array([list(PHONES).index(name) for name in names]), lengths, rng


@lru_cache(maxsize=4096)  # epochs ask for it again
def waveform(key: tuple[int, ...], said: tuple[int, ...], speaker: int, noise: float) -> np.ndarray:
    """(S,) float32. See `score` and `synthesise`."""
    phones, lengths, rng = score(key, said, speaker)
    return synthesise(phones, lengths, voice(speaker), noise, rng)


def voice(speaker: int) -> Voice:
    """The voice of a speaker; half are high."""
    rng = np.random.default_rng([7, speaker])
    high = speaker % 2
    return Voice(
        rng.uniform(170, 250) if high else rng.uniform(90, 140),
        rng.uniform(1.06, 1.22) if high else rng.uniform(0.92, 1.06),
        rng.uniform(0.85, 1.2),
        rng.uniform(0.01, 0.06),
        rng.uniform(4, 9),
    )


def synthesise(phones: np.ndarray, lengths: np.ndarray, voice: Voice, noise: float, rng: np.random.Generator) -> np.ndarray:
    """(S,) float32, its largest sample between 0.3 and 0.9.

    Args:
        phones: (P,) numbers in PHONES.
        lengths: (P,) in units of 10 ms.
    """
    table = list(PHONES.values())
    frames = np.repeat(phones, lengths * (UNIT // FRAME))
    formants = _smooth(np.array([table[p].formants for p in frames])) * voice.tract  # (N, 3)
    loudness = _smooth(np.array([(table[p].voice, table[p].noise) for p in frames]))  # (N, 2)
    loudness[:, 1] += voice.breath * loudness[:, 0]
    # The melody falls over the recording and wavers.
    pitch = voice.pitch * np.linspace(1.08, 0.9, len(frames)) * (1 + 0.02 * np.sin(np.arange(len(frames)) * 0.15))
    pitch = np.repeat(pitch, FRAME)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    number = np.arange(1, int(RATE / 2 / voice.pitch) + 1)  # of the harmonics
    harmonics = number * pitch[::FRAME, None]  # (N, H) Hz
    heights = envelope(harmonics, formants) * number ** (-voice.tilt / 6) * (harmonics < RATE / 2)
    heights = _ramp(heights * loudness[:, :1])  # (S, H)
    voiced = (heights * np.sin(phase[:, None] * number)).sum(1)

    frequencies = np.fft.rfftfreq(2 * FRAME, 1 / RATE)
    window = np.sin(np.pi * (np.arange(2 * FRAME) + 0.5) / (2 * FRAME))
    hiss = rng.standard_normal((len(frames) + 1) * FRAME)
    pieces = np.lib.stride_tricks.sliding_window_view(hiss, 2 * FRAME)[::FRAME] * window
    shaped = np.fft.irfft(np.fft.rfft(pieces) * envelope(frequencies[None], formants), 2 * FRAME) * window
    shaped *= loudness[:, 1:]
    hissed = np.zeros(len(hiss))
    hissed[: len(frames) * FRAME] += shaped[:, :FRAME].reshape(-1)
    hissed[FRAME : (len(frames) + 1) * FRAME] += shaped[:, FRAME:].reshape(-1)

    sound = voiced + 2 * hissed[: len(voiced)]
    sound += noise * rng.uniform() * sound.std() * rng.standard_normal(len(sound))
    return (sound / np.abs(sound).max() * rng.uniform(0.3, 0.9)).astype(np.float32)


def envelope(frequencies: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """(N or 1, F) Hz and (N, 3) Hz -> (N, F): resonances of 90 Hz at the formants, weaker for higher ones."""
    widths, weights = np.array([80.0, 100.0, 140.0]), np.array([1.0, 0.6, 0.35])
    distance = (frequencies[:, :, None] - formants[:, None]) / widths
    return (weights / (1 + distance**2)).sum(2) + 0.003


def _smooth(track: np.ndarray) -> np.ndarray:
    """(N, C) -> the mean over 7 frames, for sounds glide into each other."""
    padded = np.pad(track, ((3, 3), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 7, 0).mean(2)


def _ramp(track: np.ndarray) -> np.ndarray:
    """(N, C) -> (S, C), straight lines from frame to frame."""
    after = np.concatenate([track[1:], track[-1:]])
    share = np.arange(FRAME)[:, None] / FRAME
    return (track[:, None] * (1 - share) + after[:, None] * share).reshape(-1, track.shape[1])
