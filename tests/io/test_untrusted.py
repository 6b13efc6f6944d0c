"""Files of others are refused in one clear error, and nothing that they hold is run."""

import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

import lit_pretrain
from lit_pretrain.cli import main
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.io.checkpoint import KEY, artifacts, load, load_data, load_encoder, read, write
from lit_pretrain.part import spec

RAN = Path(os.environ.get("TMPDIR", "/tmp")) / f"lit_pretrain-code-was-run-{os.getpid()}"


class Evil:
    """What a pickle can hold."""

    def __reduce__(self):
        return os.system, (f"touch {RAN}",)


@pytest.fixture(autouse=True)
def nothing_runs():
    RAN.unlink(missing_ok=True)
    yield
    assert not RAN.exists(), "code of the file was run"


def checkpoint(folder: Path, **kept) -> Path:
    encoder = BERT(40, 16, 1, 2, max_length=16)
    kept = {"module": spec(encoder), "encoder": spec(encoder), "data": None, "optim": None, "artifacts": {}} | kept
    weights = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    write({KEY: kept, "state_dict": weights, "global_step": 1}, path := folder / "checkpoints/step-0000001.ckpt")
    return path


def exported(folder: Path) -> Path:
    lit_pretrain.save_pretrained(BERT(40, 16, 1, 2, max_length=16), folder)
    return folder


def test_what_is_sound_is_read(tmp_path):
    assert load_encoder(checkpoint(tmp_path)).dim == 16
    assert lit_pretrain.from_pretrained(exported(tmp_path / "out")).dim == 16


def test_a_checkpoint_with_code(tmp_path):
    path = checkpoint(tmp_path, module=Evil())
    for reads in (read, load, load_encoder, load_data, artifacts):
        with pytest.raises(ValueError, match=r"step-0000001\.ckpt is refused.*could run code.*posix\.system"):
            reads(path)


@pytest.mark.parametrize("part, reads", [("module", load), ("encoder", load_encoder), ("data", load_data)])
def test_a_checkpoint_that_names_a_class_of_others(tmp_path, part, reads):
    evil = {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", str(RAN)]}}
    with pytest.raises(ValueError, match=r"package 'subprocess' is not trusted"):
        reads(checkpoint(tmp_path, **{part: evil}))


def test_a_class_of_others_inside_an_argument(tmp_path):
    tree = spec(BERT(40, 16, 1, 2, max_length=16))
    tree["init_args"]["pooling"] = {"class_path": "os.system", "init_args": {"command": f"touch {RAN}"}}
    with pytest.raises(ValueError, match=r"package 'os' is not trusted"):
        load_encoder(checkpoint(tmp_path, encoder=tree))


@pytest.mark.parametrize("name", ["../outside.txt", "/tmp/outside.txt", "..", "a/b"])
def test_a_checkpoint_does_not_write_outside_of_its_folder(tmp_path, name, capsys):
    path = checkpoint(tmp_path / "run", artifacts={name: "text"})
    with pytest.raises(ValueError, match="leads out of its folder"):
        artifacts(path)
    assert main(["export", str(path), "--to", str(tmp_path / "out")]) == 2
    assert "leads out of its folder" in capsys.readouterr().err
    assert not [p for p in tmp_path.rglob("*outside*")] and not Path("/tmp/outside.txt").exists()


def test_a_folder_with_a_pickle_that_holds_code(tmp_path):
    folder = exported(tmp_path)
    (folder / "model.safetensors").unlink()
    with open(folder / "pytorch_model.bin", "wb") as file:
        pickle.dump({"weight": Evil()}, file)
    with pytest.raises(ValueError, match=r"pytorch_model\.bin is refused"):
        lit_pretrain.from_pretrained(folder)


@pytest.mark.parametrize("content", [b"\xff" * 8 + b"{}", b"\x02\0\0\0\0\0\0\0{", b""], ids=["huge header", "cut", "empty"])
def test_a_false_safetensors_header(tmp_path, content):
    folder = exported(tmp_path)
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors is no whole safetensors file"):
        lit_pretrain.from_pretrained(folder)


def test_shards_stay_in_their_folder(tmp_path):
    folder = exported(tmp_path / "model")
    (folder / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    index = {"weight_map": {"embedding": "../elsewhere.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ValueError, match="leads out of its folder"):
        lit_pretrain.from_pretrained(folder)


def test_an_archive_that_unpacks_to_more_than_it_is(tmp_path):
    """torch stores tensors as they are; whatever claims otherwise is not unpacked."""
    path = tmp_path / "bomb.ckpt"
    torch.save({"x": torch.zeros(4)}, tmp_path / "small.pt")
    with zipfile.ZipFile(tmp_path / "small.pt") as small, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        for name in small.namelist():
            bomb.writestr(name, bytes(2**28) if name.endswith("data/0") else small.read(name))
    assert path.stat().st_size < 2**20
    from lit_pretrain.io.untrusted import load_values

    with pytest.raises(ValueError, match=r"bomb\.ckpt is refused"):
        load_values(path)
