"""Recordings for pretraining, and labelled or transcribed ones for probes and fine-tuning."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.draws import run_seed
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.datamodules.order import balanced, plan
from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.samples import Collated, Cut, Samples
from lit_pretrain.datamodules.speech.source.base import Recordings, Source
from lit_pretrain.datamodules.speech.targets import Level, Targets
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.datamodules.units import Units
from lit_pretrain.datamodules.unreadable import UnreadableSamples, limit_of
from lit_pretrain.types import SpeechBatch

USUAL_RATE = 16000  # Hz
UNKNOWN = 10.0  # seconds that a recording of unknown length is planned with


class SpeechDataModule(DataModule):
    """Recordings as batches of waveforms, laid end to end without padding.

    Workers read, resample and cut. Features are no matter of the data: they are parts of the encoder, computed where it
    is. All random draws of a sample depend on the seed, the epoch and its number alone. An unreadable recording is replaced
    by the next readable one, or left out of a labelled view.

    Args:
        source: where recordings come from.
        sample_rate: Hz of the waveforms; None: taken over from the pretraining data, or 16000.
        seconds_per_batch: the budget of a batch.
        max_seconds: of longer recordings a stretch is taken, drawn anew each epoch; labelled views have all of them.
        crop_seconds: examples of exactly this length instead, short recordings filled up with zeros, as codecs want.
        bucket: put recordings of similar length together.
        transcripts: what `target` is made of, words or characters, with the vocabulary of the training split.
        units: a folder of `lit-pretrain units`, whose units replace the source's `unit_labels`.
        resample: convert other sample rates; otherwise such recordings are unreadable.
        downmix: average several channels; otherwise such recordings are unreadable.
        min_seconds: shorter recordings are unreadable.
        max_unreadable: the most unreadable recordings of a split: a number, or a share of them (then at least 10).
        num_workers: processes that read.
    """

    def __init__(
        self,
        source: Source,
        *,
        sample_rate: int | None = None,
        seconds_per_batch: float = 60.0,
        max_seconds: float = 15.0,
        crop_seconds: float | None = None,
        bucket: bool = True,
        transcripts: Level = "words",
        units: str | None = None,
        resample: bool = True,
        downmix: bool = True,
        min_seconds: float = 0.05,
        max_unreadable: int | float = 0.01,
        num_workers: int = 0,
    ):
        super().__init__()
        longest = max_seconds if crop_seconds is None else crop_seconds
        if not 0 < longest <= seconds_per_batch:
            raise ValueError(f"seconds_per_batch={seconds_per_batch} must hold one recording of"
                             f" {'max' if crop_seconds is None else 'crop'}_seconds={longest}")  # fmt: skip
        if min_seconds > longest:
            raise ValueError(f"min_seconds={min_seconds} is longer than an example of {longest} s")
        self.source, self.sample_rate, self.num_workers = source, sample_rate, num_workers
        self.seconds_per_batch, self.max_seconds, self.crop_seconds = seconds_per_batch, max_seconds, crop_seconds
        self.bucket, self.transcripts, self.units = bucket, transcripts, units
        self.resample, self.downmix, self.min_seconds = resample, downmix, min_seconds
        self.max_unreadable = max_unreadable
        self._recordings: dict[str, Recordings] = {}
        self._unreadable: dict[str, UnreadableSamples] = {}
        self._units = None if units is None else Units(units)
        self._targets: Targets | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.source.class_names

    @property
    def unit_names(self) -> tuple[str, ...]:
        if self._units is not None:
            return tuple(f"unit{i}" for i in range(self._units.num_clusters))
        return self.source.unit_names

    @property
    def target_names(self) -> tuple[str, ...]:
        return self.targets.names

    @property
    def targets(self) -> Targets:
        """Of the transcripts of the training split; empty where there are none."""
        if self._targets is None:
            self._targets = Targets.of(self.recordings("train").transcripts or (), self.transcripts)
        return self._targets

    def adopt(self, pretraining: DataModule) -> None:
        if self.sample_rate is None and isinstance(pretraining, SpeechDataModule):
            self.sample_rate = pretraining.sample_rate

    def artifacts(self) -> dict[str, str]:
        """How to prepare a recording for the encoder, in the words of `transformers`."""
        content = {
            "feature_extractor_type": "Wav2Vec2FeatureExtractor",
            "feature_size": 1,
            "sampling_rate": self._rate,
            "padding_side": "right",
            "padding_value": 0.0,
            "do_normalize": False,  # encoders of ours that want it do it themselves
            "return_attention_mask": True,
        }
        return {"preprocessor_config.json": json.dumps(content, indent=2) + "\n"}

    def prepare_data(self) -> None:
        for split in SPLITS:
            self.recordings(split)

    def fingerprint(self) -> dict[str, Any]:
        return super().fingerprint() | {"the number of recordings": len(self.recordings("train"))}

    def recordings(self, split: str) -> Recordings:
        """The recordings of a split, opened once."""
        if split not in SPLITS:
            raise ValueError(f"split={split!r} is none of {', '.join(SPLITS)}")
        if split not in self._recordings:
            decoder = Decoder(self._rate, self.resample, self.downmix, self.min_seconds)
            self._recordings[split] = self.source.recordings(split, decoder)
        return self._recordings[split]

    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> ResumableLoader:
        cut = Cut() if labelled else Cut(self.crop_seconds or self.max_seconds, self.crop_seconds is not None, shuffle)
        return self._loader(split, cut, shuffle, labelled, limit, seed)

    def whole(self, split: str) -> ResumableLoader:
        return self._loader(split, Cut())

    def _loader(
        self, split: str, cut: Cut, shuffle: bool = False, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> ResumableLoader:
        """See `DataModule.loader`; `cut` says how recordings become examples."""
        recordings = self.recordings(split)
        chosen = self._chosen(split, recordings, labelled, limit, seed)
        rank, world = (0, 1) if labelled or self.trainer is None else (self.trainer.global_rank, self.trainer.world_size)
        allowed = limit_of(self.max_unreadable, len(recordings))
        met = self._unreadable.setdefault(split, UnreadableSamples("recordings", split, allowed))
        folder = None if self.trainer is None else Path(self.trainer.default_root_dir)
        if self._units is not None:
            self._units.check(split, self.source.fingerprint(split))

        planned = np.where(recordings.seconds > 0, recordings.seconds, UNKNOWN)
        if cut.seconds is not None:
            planned = np.full_like(planned, cut.seconds) if cut.exact else np.minimum(planned, cut.seconds)
        weights = recordings.weights if shuffle and not labelled else None
        copies = 1 if weights is None else int(np.ceil(weights.max(initial=1.0)))

        def of_epoch(epoch: int) -> list[list[int]]:
            counts = np.ones(len(chosen), np.int64) if weights is None else _counts(weights[chosen], run_seed(), epoch)
            copy = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
            numbers = np.repeat(chosen, counts)
            # Each copy is cut for itself, as if it came in an epoch of its own.
            ordinals = (epoch * copies + copy) * len(recordings) + numbers if shuffle else numbers
            batches = plan(planned[numbers], self.seconds_per_batch, shuffle=shuffle, bucket=self.bucket, seed=run_seed(),
                           epoch=epoch)  # fmt: skip
            return [ordinals[batch].tolist() for batch in batches]

        def attach(collated: Collated) -> SpeechBatch | None:
            batch, unreadable = collated
            met.meet(unreadable, folder)
            return batch

        return ResumableLoader(
            Samples(recordings, self._rate, cut, targets=self.targets if labelled else None,
                    units=None if self._units is None else (self._units, split), replace_unreadable=not labelled,
                    limit=allowed),
            of_epoch,
            _as_they_are,
            attach=attach,
            num_workers=self.num_workers,
            rank=rank,
            ranks=world,
        )  # fmt: skip

    @property
    def _rate(self) -> int:
        if self.sample_rate is None:
            self.sample_rate = USUAL_RATE
        return self.sample_rate

    def _chosen(self, split: str, recordings: Recordings, labelled: bool, limit: int | None, seed: int) -> np.ndarray:
        """The numbers of the recordings of a loader, in source order; labelled are those with a class, or where the source
        has none, with a transcript, or where it has none either, with classes of stretches."""
        numbers = np.arange(len(recordings))
        if labelled and recordings.labels is not None:
            numbers = np.flatnonzero(recordings.labels >= 0)
        elif labelled and recordings.transcripts is not None:
            numbers = np.array([i for i, text in enumerate(recordings.transcripts) if text is not None], np.int64)
        elif labelled and not self.unit_names:
            numbers = numbers[:0]
        if labelled and not len(numbers):
            raise ValueError(f"{type(self.source).__name__} has no labelled recordings in {split!r}")
        if limit is None:
            return numbers
        labels = np.zeros(len(numbers), np.int64) if recordings.labels is None else recordings.labels[numbers]
        return numbers[balanced(labels, limit, seed)]


def _counts(weights: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """How many times an epoch draws each recording: its weight on average, and never a whole one more or less."""
    whole = np.floor(weights)
    return (whole + (np.random.default_rng([seed, epoch, 1]).random(len(weights)) < weights - whole)).astype(np.int64)


def _as_they_are(collated: Collated) -> Collated:
    return collated
