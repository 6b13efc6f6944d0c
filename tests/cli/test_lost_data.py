"""Data that vanish in the middle of a run, or have changed when it goes on."""

import sys
import warnings

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from lit_pretrain.datamodules import retry
from lit_pretrain.io.checkpoint import read

SOURCE = """
import os
from multiprocessing import active_children

import lightning as L
from torch import nn

from lit_pretrain import PretrainModule
from lit_pretrain.part import Part


class Pixels(Part):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(8, 8)])


class Squares(PretrainModule):
    def __init__(self, encoder: Pixels):
        super().__init__()
        self.encoder = encoder

    def loss(self, batch):
        return {"square": self.encoder.blocks[0](batch.images).square().mean()}


class Vanish(L.Callback):
    '''Takes the images or the worker away once.'''

    def on_train_batch_end(self, trainer, *args):
        if trainer.global_step == 2 and os.path.exists("kill"):
            os.remove("kill")
            active_children()[0].kill()
        if trainer.global_step == 2 and os.path.exists("vanish"):
            os.remove("vanish")
            os.rename("images", "elsewhere")
"""


@pytest.fixture
def run(command, here, monkeypatch):
    """Starts a run of twelve steps on 80 images."""
    monkeypatch.setattr(retry, "PAUSE", 0.01)
    monkeypatch.setattr(sys, "path", [str(here), *sys.path])
    monkeypatch.delitem(sys.modules, "lost_file", raising=False)
    (here / "lost_file.py").write_text(SOURCE)
    (here / "images").mkdir()
    for i in range(80):
        pixels = np.random.default_rng(i).integers(256, size=(8, 8, 1), dtype=np.uint8)
        Image.fromarray(pixels[..., 0]).save(here / f"images/{i}.png")
    config = {
        "model": {"class_path": "lost_file.Squares", "init_args": {"encoder": {"class_path": "lost_file.Pixels"}}},
        "data": {
            "class_path": "lit_pretrain.datamodules.vision.datamodule.VisionDataModule",
            "init_args": {
                "source": {
                    "class_path": "lit_pretrain.datamodules.vision.source.folder.Folder",
                    "init_args": {"root": "images"},
                },
                "image_size": 8, "channels": 1, "batch_size": 4,
            },
        },
        "trainer": {"max_steps": 12, "accelerator": "cpu", "enable_progress_bar": False, "limit_val_batches": 0,
                    "log_every_n_steps": 1, "callbacks": [{"class_path": "lost_file.Vanish"}]},
    }  # fmt: skip
    (here / "lost.yaml").write_text(yaml.safe_dump(config))
    return lambda folder, *more: command(" ".join(["fit --config lost.yaml --trust lost_file --run_dir", folder, *more]))


def equal(a: str, b: str) -> bool:
    first, second = read(a), read(b)
    weights = second["state_dict"]
    same = all(torch.equal(value, weights[name]) for name, value in first["state_dict"].items())
    return same and first["global_step"] == second["global_step"] == 12


@pytest.mark.parametrize("workers", [0, 1])
def test_a_folder_that_vanishes_ends_the_run_and_when_it_is_back_nothing_was_lost(run, here, workers):
    more = ("--data.num_workers", str(workers))
    assert run("whole", *more)[0] == 0
    (here / "vanish").touch()
    code, _, err = run("cut", *more)
    assert code == 75
    assert "png is gone, and 5 attempts did not bring it back (FileNotFoundError" in err.splitlines()[-1]
    step = read("cut")["global_step"]
    assert 2 <= step < 12 and (workers or step == 2), "the last step was not saved"
    (here / "elsewhere").rename(here / "images")
    assert run("cut", *more)[0] == 0
    assert equal("whole", "cut")


def test_a_worker_that_is_killed_ends_the_run_and_nothing_is_lost(run, here):
    assert run("whole", "--data.num_workers 1")[0] == 0
    (here / "kill").touch()
    code, _, err = run("cut", "--data.num_workers 1")
    said = err.splitlines()[-1]
    assert code == 75 and "worker 0 died (signal 9, Killed" in said and ".png" in said and "the same command goes on" in said
    assert 2 <= read("cut")["global_step"] < 12
    assert run("cut", "--data.num_workers 1")[0] == 0
    assert equal("whole", "cut")


def test_changed_data_are_refused_unless_accepted(run, here):
    assert run("r")[0] == 0
    (here / "images/7.png").unlink()
    code, _, err = run("r", "--trainer.max_steps 15")
    assert code == 2 and "the number of images was 80 and is 79" in err and "--accept_changed_data true" in err
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run("r", "--trainer.max_steps 15 --accept_changed_data true")[0] == 0
    assert yaml.safe_load((here / "r/config.yaml").read_text())["accept_changed_data"] is False
    assert run("r", "--trainer.max_steps 18")[0] == 0, "what was accepted is the run's own from then on"
