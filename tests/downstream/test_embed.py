"""Every format gives the features back with their ids; a cut run goes on; ranks share the work."""

import os

import numpy as np
import pytest
import torch
from pyarrow import parquet
from safetensors.numpy import load_file

from lit_pretrain.cli import main
from lit_pretrain.downstream import embed as module
from lit_pretrain.downstream.cell import Subject
from lit_pretrain.downstream.embed import embed
from lit_pretrain.downstream.features import extract
from lit_pretrain.io.pretrained import save_pretrained
from lit_pretrain.part import spec


def columns(path) -> dict[str, np.ndarray]:
    if path.suffix == ".parquet":
        return {name: np.array(found) for name, found in parquet.read_table(path).to_pydict().items()}
    return load_file(path) if path.suffix == ".safetensors" else dict(np.load(path))


@pytest.fixture
def subject(encoder, digits) -> Subject:
    return Subject("digits", encoder, digits)


@pytest.mark.parametrize("format", ["parquet", "safetensors", "npz"])
@pytest.mark.parametrize("layer", ["pooled", "block00"])
def test_shards_hold_the_features_with_their_ids(subject, tmp_path, format, layer):
    paths = embed(subject, tmp_path, layer=layer, format=format, batches=2)
    assert [path.name for path in paths] == [f"test-{i:05d}-of-00003.{format}" for i in range(3)]
    found = [columns(path) for path in paths]
    expected = extract(subject.encoder, subject.data, "test", layers=[layer])[layer]
    assert np.concatenate([part["id"] for part in found]).tolist() == subject.data.numbers("test", None, 0)
    vectors = np.concatenate([part["vector"] for part in found])
    np.testing.assert_array_equal(vectors.astype(np.float32), expected.vectors.numpy())  # lists of parquet are float64 here
    np.testing.assert_array_equal(np.concatenate([part["label"] for part in found]), expected.labels.numpy())


def test_finished_shards_are_not_computed_again_and_ranks_share_them(subject, tmp_path, monkeypatch):
    whole = [path.read_bytes() for path in embed(subject, tmp_path / "whole", batches=2)]
    first = embed(subject, tmp_path / "ranks", batches=2, rank=0, world=2)
    assert [path.name[:10] for path in first] == ["test-00000", "test-00002"]
    compute, done = module._columns, []
    monkeypatch.setattr(module, "_columns", lambda *given: done.append(given) or compute(*given))
    paths = embed(subject, tmp_path / "ranks", batches=2)
    assert len(done) == 1 and [path.read_bytes() for path in paths] == whole
    with torch.no_grad():
        subject.encoder.embedding.weight.mul_(2)
    with pytest.raises(ValueError, match="holds other vectors: weights"):
        embed(subject, tmp_path / "ranks", batches=2)


def test_what_cannot_be_embedded_is_named(subject, tmp_path):
    with pytest.raises(ValueError, match="block9"):
        embed(subject, tmp_path / "a", layer="block9")
    with pytest.raises(ValueError, match="rank"):
        embed(subject, tmp_path / "b", rank=1, world=1)
    with pytest.raises(ValueError, match="format='csv'"):
        embed(subject, tmp_path / "c", format="csv")
    assert not list(tmp_path.glob("*/*.parquet"))


def test_the_command(subject, tmp_path, capsys, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    save_pretrained(subject.encoder, tmp_path / "encoder")
    (tmp_path / "data.yaml").write_text(f"data: {spec(subject.data)}\n")
    words = ["embed", "--ckpt", str(tmp_path / "encoder"), "--data", str(tmp_path / "data.yaml"), "--split", "validation",
             "--out", str(tmp_path / "out"), "--format", "npz"]  # fmt: skip
    assert main(words) == 0 and "validation-00000-of-00001.npz" in capsys.readouterr().out
    assert sorted(os.listdir(tmp_path / "out")) == ["validation-00000-of-00001.npz", "validation.json"]
    assert main([*words, "--layer", "block00"]) == 2
    assert "holds other vectors: layer (pooled there, block00 here)" in capsys.readouterr().err
    assert main(["embed", "--help"]) == 0 and "torchrun" in capsys.readouterr().out
