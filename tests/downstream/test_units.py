"""`lit-pretrain units`: nearest means of all recordings in source order, the same bytes on every way to them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import Dataset

from lit_pretrain.cli import main
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.datamodules.speech.datamodule import SpeechDataModule
from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.synthesiser import Synthesiser
from lit_pretrain.datamodules.units import Units
from lit_pretrain.downstream.unit_features import CepstralFeatures, EncoderFeatures
from lit_pretrain.downstream.unit_maker import UnitMaker, in_source_order
from lit_pretrain.encoders.speech_transformer import SpeechTransformer
from lit_pretrain.io.pretrained import save_pretrained
from lit_pretrain.nn.embedding.log_mel import LogMelFrames
from lit_pretrain.nn.embedding.mfcc import MFCCFrames
from lit_pretrain.part import Recorded, trust
from lit_pretrain.types import SpeechBatch

trust([__name__])
RATE, SIZES = 8000, {"train": 70, "validation": 3, "test": 0}


class Tones(Dataset):
    """Recordings of 300 to 700 samples with one of three tones."""

    def __init__(self, split: str):
        self.start = sum(map(ord, split))

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        draw = torch.Generator().manual_seed(self.start + i)
        samples = 300 + int(torch.randint(400, (1,), generator=draw))
        noise = 0.01 * torch.randn(samples, generator=draw)
        return (torch.arange(samples) * (0.3, 0.9, 1.7)[i % 3]).sin() + noise, i


def collate(samples) -> SpeechBatch:
    waveforms, index = zip(*samples, strict=True)
    return SpeechBatch(torch.cat(waveforms), tuple(map(len, waveforms)), RATE, index=torch.tensor(index))


class Source(Recorded):
    def __init__(self, name: str = "tones"):
        self.name = name

    def fingerprint(self, split: str) -> str:
        return f"{self.name}-{split}"


class Recordings(DataModule):
    """`dies_at`: the batch at which reading fails, as a process that is killed there."""

    dies_at: int | None = None
    read = 0

    def __init__(self, source: Source = Source(), batch_size: int = 2):
        super().__init__()
        self.source, self.batch_size = source, batch_size

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0) -> ResumableLoader:
        order = list(range(SIZES[split]))[::-1]  # neither sorted by number
        batches = [order[i : i + self.batch_size] for i in range(0, len(order), self.batch_size)]
        return ResumableLoader(Tones(split), lambda epoch: batches, collate, attach=self.count)

    def count(self, batch: SpeechBatch) -> SpeechBatch:
        self.read += 1
        if self.read == self.dies_at:
            raise KeyboardInterrupt
        return batch


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=True: None)


def maker(data: Recordings | None = None, clusters: int = 5, sample: int = 300) -> UnitMaker:
    return UnitMaker(data or Recordings(), CepstralFeatures(), clusters, sample)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """What an uncut command leaves."""
    folder = tmp_path_factory.mktemp("units")
    maker().make(folder)
    return folder


def test_every_unit_is_its_nearest_mean(done):
    means, units, mfcc = load_file(done / "kmeans.safetensors")["means"].double(), Units(str(done)), MFCCFrames(1, RATE)
    assert means.shape == (5, 39) and sorted(content(done)) == [
        "kmeans.safetensors", "units-train.npz", "units-validation.npz", "units.json"
    ]  # fmt: skip
    for split, size in SIZES.items():
        for i in range(size):
            batch = collate([Tones(split)[i]])
            distances = torch.cdist(mfcc.features(batch).units.double(), means)
            (found,) = units.of(split, torch.tensor([i]))
            assert torch.equal(found, distances.argmin(1))
    first, second = units.of("train", [7, 4])
    assert torch.equal(first, units.of("train", [7])[0]) and torch.equal(second, units.of("train", [4])[0])


def test_the_card(done):
    card = json.loads((done / "units.json").read_text())
    assert (card["clusters"], card["hop"], card["rate"], card["features"]) == (5, 0.01, 100.0, "mfcc")
    assert card["fingerprints"] == {"train": "tones-train", "validation": "tones-validation"}
    means, mfcc = load_file(done / "kmeans.safetensors")["means"].double(), MFCCFrames(1, RATE)
    vectors = torch.cat([mfcc.features(collate([Tones("train")[i]])).units for i in range(70)]).double()
    whole = torch.cdist(vectors, means).amin(1).square().mean().item()
    assert card["inertia"] == pytest.approx(whole, rel=0.2), "of a sample"
    assert card["units"]["train"] == len(vectors) > 300
    around = vectors.sub(vectors.mean(0)).square().sum(1).mean().item()
    assert card["inertia"] < 0.5 * around


@pytest.mark.parametrize("dies_at", [1, 20, 35, 40, 72])
def test_cut_and_resumed_gives_the_same_bytes(done, tmp_path, dies_at):
    """Cut while sampling (35 batches), or while it writes the units of train (35) or validation (2)."""
    data = Recordings()
    data.dies_at = dies_at
    with pytest.raises(KeyboardInterrupt):
        maker(data).make(tmp_path)
    assert not (tmp_path / "units.json").exists() and (tmp_path / "kmeans.safetensors").exists() == (dies_at > 35)
    maker().make(tmp_path)
    assert content(tmp_path) == content(done)


def test_a_rerun_reads_nothing_twice(done, tmp_path):
    data = Recordings()
    data.dies_at = 70  # the last batch of train
    with pytest.raises(KeyboardInterrupt):
        maker(data).make(tmp_path)
    again = Recordings()
    maker(again).make(tmp_path)
    assert again.read == 1 + 3 + 2, "the first for the hop; batches 33 to 35 of the second pass; validation"
    finished = Recordings()
    maker(finished).make(tmp_path)
    assert finished.read == 0 and content(tmp_path) == content(done)


def test_other_units_are_not_mixed_in(done, tmp_path):
    with pytest.raises(ValueError, match=r"holds other units: clusters \(5 there, 4 here\); choose another --out"):
        maker(clusters=4).make(done)
    with pytest.raises(ValueError, match=r"fingerprints\.train \(tones-train there, bells-train here\)"):
        maker(Recordings(Source("bells"))).make(done)
    data = Recordings()
    data.dies_at = 40
    with pytest.raises(KeyboardInterrupt):
        maker(data).make(tmp_path)
    with pytest.raises(ValueError, match=r"holds other units: sample \(300 there, 299 here\)"):
        maker(sample=299).make(tmp_path)


def test_units_of_an_encoder(tmp_path):
    torch.manual_seed(0)
    encoder = SpeechTransformer(LogMelFrames(8, RATE, mels=10), 2, 2)
    card = UnitMaker(Recordings(), EncoderFeatures(encoder, "block00"), 5, 300).make(tmp_path)
    means = load_file(tmp_path / "kmeans.safetensors")["means"]
    with torch.no_grad():
        units = encoder(collate([Tones("train")[9]]), layers=True).layers["block00"]
    (found,) = Units(str(tmp_path)).of("train", [9])
    assert torch.equal(found, torch.cdist(units, means).argmin(1)) and (card["layer"], card["rate"]) == ("block00", 100.0)
    torch.nn.init.zeros_(encoder.blocks[0].feedforward.out.weight)
    with pytest.raises(ValueError, match=r"features\.weights"):
        UnitMaker(Recordings(), EncoderFeatures(encoder, "block00"), 5, 300).make(tmp_path)
    with pytest.raises(ValueError, match="layer='block07': the encoder has embedding, block00, block01"):
        EncoderFeatures(encoder, "block07")(collate([Tones("train")[0]]))


def test_source_order():
    ids, offsets = in_source_order(np.array([5, 5, 6, 7, 8, 5, 5]), np.array([2, 3, 0, 2]), np.array([3, 0, 4, 3]))
    assert ids.tolist() == [6, 7, 8, 5, 5] and offsets.tolist() == [0, 3, 3, 3, 5, 5] and ids.dtype == np.int32
    with pytest.raises(ValueError, match="example 3 came twice and with different units"):
        in_source_order(np.array([5, 5, 6]), np.array([2, 1]), np.array([3, 3]))


def test_the_reader_refuses(done, tmp_path):
    units = Units(str(done))
    units.check("train", "tones-train")
    assert units.num_clusters == 5
    with pytest.raises(ValueError, match="fingerprint tones-train, and these have bells-train"):
        units.check("train", "bells-train")
    with pytest.raises(ValueError, match="none for the split 'test'; it has train, validation"):
        units.check("test", "tones-test")
    with pytest.raises(ValueError, match="has 3 examples in 'validation', and none of number 3"):
        units.of("validation", [3])
    with pytest.raises(ValueError, match="when it is done"):
        Units(str(tmp_path)).check("train", "")


def test_the_command(done, tmp_path, capsys):
    (tmp_path / "data.yaml").write_text(f"class_path: {__name__}.Recordings\n")
    command = f"units --data {tmp_path}/data.yaml --features mfcc --clusters 5 --sample 300 --out {tmp_path}/u".split()
    command += ["--trust", __name__]
    assert main(command) == 0 and "is done: " in capsys.readouterr().out
    assert content(tmp_path / "u") == content(done)
    assert main(command) == 0 and "is done already" in capsys.readouterr().out
    assert main([*command, "--clusters", "400"]) == 2 and "clusters=400" in capsys.readouterr().err
    assert main([*command, "--layer", "block00"]) == 2 and "give either --features mfcc, or" in capsys.readouterr().err
    save_pretrained(SpeechTransformer(LogMelFrames(8, RATE, mels=10), 2, 2), tmp_path / "encoder")
    ours = ["--data", f"{tmp_path}/data.yaml", "--ckpt", f"{tmp_path}/encoder", "--layer", "block01", "--trust", __name__]
    assert main(["units", *ours, "--clusters", "5", "--out", f"{tmp_path}/v"]) == 0
    assert Units(f"{tmp_path}/v").card["layer"] == "block01"
    assert main(["units", "--help"]) == 0 and "--clusters" in capsys.readouterr().out


def test_training_gets_the_units_of_the_stretch_that_it_gets(tmp_path):
    """Recordings longer than `max_seconds` are clustered whole."""
    source = Synthesiser((3, 3), sizes={"train": 8, "validation": 2, "test": 2})
    made_of = SpeechDataModule(source, sample_rate=RATE, max_seconds=0.8, seconds_per_batch=4.0)
    maker(made_of).make(tmp_path)
    data = SpeechDataModule(source, sample_rate=RATE, max_seconds=0.8, seconds_per_batch=4.0, units=str(tmp_path))
    recordings, units, mfcc = source.recordings("train", Decoder(RATE)), Units(str(tmp_path)), MFCCFrames(1, RATE)
    agree = []
    for batch in data.loader("train", shuffle=True):
        assert set(batch.lengths) == {6400}
        for i, own in zip(batch.index.tolist(), batch.unit_labels.split(), strict=True):
            whole = units.of("train", [i])[0]
            samples = len(recordings.read(i))
            assert len(whole) == (samples - 200) // 80 + 1 and abs(len(own) - 80) <= 1
        found = mfcc.features(batch)
        means = load_file(tmp_path / "kmeans.safetensors")["means"]
        agree.append(torch.cdist(found.units, means).argmin(1) == batch.unit_labels.at(found.layout))
    assert torch.cat(agree).float().mean() > 0.8, "but for the borders of units, which the cut moves"
    with pytest.raises(ValueError, match="fingerprint"):
        SpeechDataModule(Synthesiser(), sample_rate=RATE, units=str(tmp_path)).loader("train", shuffle=True)
