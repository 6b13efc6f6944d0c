"""The objective of the README, in a folder of its own: it trains, probes, resumes and exports."""

import re
from pathlib import Path

import pytest
import torch

import lit_pretrain
from lit_pretrain.cli import main
from lit_pretrain.io.checkpoint import load, read

README = (Path(__file__).parents[1] / "README.md").read_text()
OBJECTIVE = re.search(r"```python\n(.*?)```", README, re.S).group(1)


def test_it_is_short():
    assert len(OBJECTIVE.strip().splitlines()) <= 30


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_file.py").write_text(OBJECTIVE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_trains_probes_resumes_and_exports(folder, capsys):
    command = re.search(r"lit-pretrain (fit .*--model my_file.BagOfWords.*)", README).group(1).split()
    assert main([*command, "--trainer.accelerator", "cpu"]) == 0
    assert "linear_probe accuracy" in capsys.readouterr().out
    assert read("runs/mine")["global_step"] == 4

    assert main([*command, "--trainer.accelerator", "cpu", "--trainer.max_steps", "6"]) == 0
    assert "step-0000004" in capsys.readouterr().out
    assert read("runs/mine")["global_step"] == 6
    assert type(load("runs/mine", trusted=["my_file"])).__name__ == "BagOfWords"

    assert main(re.search(r"lit-pretrain (export runs/mine --to mine)", README).group(1).split()) == 0
    encoder = lit_pretrain.from_pretrained("mine")
    weights = {k.removeprefix("encoder."): v for k, v in read("runs/mine")["state_dict"].items() if k.startswith("encoder.")}
    assert all(torch.equal(v, weights[k]) for k, v in encoder.state_dict().items())
    assert (folder / "mine/tokenizer.json").exists()


def test_its_checkpoint_is_not_trusted_unasked(folder, monkeypatch):
    from lit_pretrain import part

    command = re.search(r"lit-pretrain (fit .*--model my_file.BagOfWords.*)", README).group(1).split()
    assert main([*command, "--trainer.accelerator", "cpu", "--trainer.max_steps", "1"]) == 0
    monkeypatch.setattr(part, "TRUSTED", part.TRUSTED - {"my_file"})
    with pytest.raises(ValueError, match=r"my_file.*not trusted"):
        load("runs/mine")
    assert lit_pretrain.load_encoder("runs/mine").dim == 256
