"""What a linear probe makes of log-mel statistics alone: mean and spread of each band over a recording, without a network.

LIT_PRETRAIN_DATA=... python experiments/speech/five_minutes/log_mel.py
"""

import os

import torch
from torch import Tensor

from lit_pretrain.datamodules.order import balanced
from lit_pretrain.datamodules.speech.datamodule import SpeechDataModule
from lit_pretrain.datamodules.speech.source.audio_folder import AudioFolder
from lit_pretrain.nn.embedding.log_mel import LogMelFrames
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.logistic import LogisticProbe

ROOT = f"{os.environ['LIT_PRETRAIN_DATA']}/speech/fsdd/recordings"
TESTS = {"digit": {"speaker": ["theo"]}, "speaker": {"take": ["0", "1", "2", "3", "4"]}}


def statistics(data: SpeechDataModule, split: str) -> tuple[Tensor, Tensor]:
    """(N, 80) and (N,)."""
    front_end, rows, labels = LogMelFrames(1, sample_rate=8000, mels=40, normalise=False), [], []
    for batch in data.loader(split, shuffle=False, labelled=True):
        found = front_end.features(batch)
        rows += [torch.cat([x.mean(0), x.std(0)]) for x in found.units.split(found.layout.lengths)]
        labels.append(batch.labels)
    return torch.stack(rows), torch.cat(labels)


for label, test in TESTS.items():
    source = AudioFolder(ROOT, "{digit}_{speaker}_{take}", label=label, test=test, validation_fraction=0.1)
    data = SpeechDataModule(source, sample_rate=8000)
    (x, y), validation, tested = (statistics(data, split) for split in ("train", "validation", "test"))
    for limit in (100, None):
        for probe in (LogisticProbe(), KNNProbe(centre=True)):
            found = []
            for seed in range(3) if limit else (0,):
                chosen = balanced(y.numpy(), limit, seed) if limit else slice(None)
                probe.fit(x[chosen], y[chosen], validation=validation)
                found.append(100 * dict(probe.score(*tested))["accuracy"])
            mean, spread = torch.tensor(found).mean(), torch.tensor(found).std(correction=0)
            print(f"{label}, {limit or 'all'} labels, {type(probe).__name__}: {mean:.1f} ± {spread:.1f}", flush=True)
