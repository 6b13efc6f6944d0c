"""Recordings that other programs have laid out: torchaudio's folders, tar shards, `datasets`."""

import io
import json
import tarfile

import datasets
import numpy as np
import pytest
import soundfile

from lit_pretrain.datamodules import retry
from lit_pretrain.datamodules.lost import DataLost
from lit_pretrain.datamodules.speech.datamodule import SpeechDataModule
from lit_pretrain.datamodules.speech.decode import Decoder
from lit_pretrain.datamodules.speech.source.hub import Hub
from lit_pretrain.datamodules.speech.source.shards import Shards
from lit_pretrain.datamodules.speech.source.torchaudio_set import TorchaudioSet


def wav(seconds: float = 0.3, rate: int = 8000, ending: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, 0.4 * np.sin(np.arange(round(seconds * rate)) * 0.3), rate, format=ending)
    return out.getvalue()


def batch_of(source, split: str = "train"):
    data = SpeechDataModule(source, sample_rate=8000)
    return data, next(iter(data.loader(split, shuffle=False, labelled=True)))


def test_yesno(tmp_path):
    (tmp_path / "waves_yesno").mkdir()
    for number in range(20):
        name = "_".join(f"{number:08b}")
        (tmp_path / "waves_yesno" / f"{name}.wav").write_bytes(wav())
    data, batch = batch_of(TorchaudioSet("YESNO", str(tmp_path)))
    assert data.target_names == ("no", "yes") and batch.labels is None
    numbers = {int("".join(str(x) for x in target.tolist()), 2) for target in batch.target.split()}
    rest = {int(t.replace("yes", "1").replace("no", "0").replace(" ", ""), 2)
            for split in ("validation", "test") for t in data.recordings(split).transcripts}  # fmt: skip
    assert len(numbers) == 16 and numbers | rest == set(range(20))


def test_speech_commands(tmp_path):
    root = tmp_path / "SpeechCommands" / "speech_commands_v0.02"
    for word in ("go", "stop"):
        (root / word).mkdir(parents=True)
        for take in range(4):
            (root / word / f"a{take}_nohash_{take}.wav").write_bytes(wav())
    (root / "validation_list.txt").write_text("go/a0_nohash_0.wav\n")
    (root / "testing_list.txt").write_text("go/a1_nohash_1.wav\nstop/a1_nohash_1.wav\n")
    data, batch = batch_of(TorchaudioSet("SPEECHCOMMANDS", str(tmp_path)))
    assert data.class_names == ("go", "stop") and sorted(batch.labels.tolist()) == [0, 0, 1, 1, 1]
    assert len(data.recordings("validation")) == 1 and len(data.recordings("test")) == 2


def test_librispeech(tmp_path):
    for part, speaker in (("train-clean-100", 19), ("dev-clean", 7)):
        folder = tmp_path / "LibriSpeech" / part / str(speaker) / "198"
        folder.mkdir(parents=True)
        for utterance in range(2):
            (folder / f"{speaker}-198-{utterance:04d}.flac").write_bytes(wav(ending="FLAC"))
        (folder / f"{speaker}-198.trans.txt").write_text(f"{speaker}-198-0000 ONE TWO\n{speaker}-198-0001 TWO\n")
    data, batch = batch_of(TorchaudioSet("LIBRISPEECH", str(tmp_path)))
    assert data.class_names == ("19",) and batch.labels.tolist() == [0, 0]
    assert [t.tolist() for t in batch.target.split()] == [[0, 1], [1]]
    assert data.recordings("validation").labels is None


@pytest.mark.parametrize("name, problem", [("YESNO", "set download: true"), ("VCTK", "is none of LIBRISPEECH")])
def test_what_torchaudio_cannot_give(tmp_path, name, problem):
    with pytest.raises(ValueError, match=problem):
        TorchaudioSet(name, str(tmp_path)).recordings("train")


def packed(path) -> None:
    """Two samples with a recording each, and one without."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for i in range(3):
            facts = json.dumps({"speaker": f"s{i % 2}"}).encode()
            flac = wav(0.3 + 0.1 * i, ending="FLAC")
            parts = {"json": facts, "flac": flac, "txt": b"yes no"} if i < 2 else {"txt": b"no"}
            for ending, content in parts.items():
                info = tarfile.TarInfo(f"x/{i}.{ending}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def test_shards(tmp_path):
    packed(tmp_path / "a-000.tar")
    data = SpeechDataModule(Shards(str(tmp_path / "a-{000..000}.tar"), label="speaker"), sample_rate=8000)
    with pytest.warns(UserWarning, match="none of its files ends in wav"):
        batches = list(data.loader("train", shuffle=True))
    assert sorted({int(i) for b in batches for i in b.index}) == [0, 1]
    batch = next(iter(data.loader("train", shuffle=False, labelled=True)))
    assert batch.labels.tolist() == [0, 1] and [t.tolist() for t in batch.target.split()] == [[1, 0], [1, 0]]


def test_recordings_are_read_where_they_stand_and_held_where_a_shard_is_compressed(tmp_path, monkeypatch):
    monkeypatch.setattr(retry, "PAUSE", 0.0)
    decoder, made = Decoder(8000), {}
    for name, held in (("a.tar", False), ("b.tar.gz", True)):
        packed(tmp_path / name)
        made[name] = found = Shards(str(tmp_path / name)).recordings("train", decoder)
        assert found.seconds.tolist() == pytest.approx([0.3, 0.4, 0.0])
        assert [isinstance(x.audio, bytes) for x in found.samples] == [held, held, False]
        for i in range(2):
            np.testing.assert_array_equal(found.read(i), decoder(wav(0.3 + 0.1 * i, ending="FLAC"), "the same"))
        (tmp_path / name).unlink()
    assert len(made["b.tar.gz"].read(0)) == 2400
    with pytest.raises(DataLost, match=r"a\.tar is gone, .*No such file"):
        made["a.tar"].read(0)


def test_datasets_on_disk(tmp_path):
    audio = [{"bytes": content, "path": None} for content in (wav(), b"broken", wav(0.5))]
    rows = {"audio": [*audio, None],
            "word": ["go", "stop", "stop", "go"], "text": ["a b", "b", None, "a"]}  # fmt: skip
    stored = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    words = {"word": datasets.Value("string"), "text": datasets.Value("string")}
    made = datasets.Dataset.from_dict(rows, datasets.Features({"audio": stored} | words))
    made.cast_column("audio", datasets.Audio(decode=False)).save_to_disk(tmp_path / "data")
    source = Hub(str(tmp_path / "data"), label_field="word", text_field="text", test=None)
    data = SpeechDataModule(source, sample_rate=8000)
    with pytest.warns(UserWarning, match="data, row 1"):
        batches = list(data.loader("train", shuffle=False, labelled=True))
    assert [b.labels.tolist() for b in batches] == [[0, 1]] and batches[0].lengths == (2400, 4000)
    assert "data, row 3" in str(data._unreadable["train"].reasons)
    with pytest.raises(ValueError, match="no column 'sound'"):
        Hub(str(tmp_path / "data"), audio_field="sound").recordings("train")
