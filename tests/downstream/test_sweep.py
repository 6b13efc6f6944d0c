"""All checkpoints of a run are measured by one command, and a random start is measured once for all."""

import json

import lightning as L
import numpy as np
import pytest
from PIL import Image

from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.cli import main
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.sweep import all_checkpoints, way
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.tuning.full import Full


@pytest.fixture
def run(encoder, digits, tmp_path):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    model = FineTune(encoder, Classify(encoder.dim, 10), Full())
    trainer = L.Trainer(default_root_dir=tmp_path / "run", max_steps=9, callbacks=[Checkpoint(3, keep=3)], **quiet)
    trainer.fit(model, datamodule=digits)
    return tmp_path / "run"


FAST = ["--budget.max_steps", "2", "--budget.learning_rates", "[1e-3]", "--seeds", "0", "1", "--labels", "30",
        "--probes", "[lit_pretrain.probes.ridge.RidgeProbe]"]  # fmt: skip


def test_one_command_draws_the_curve(run, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["evaluate", "--ckpt", str(run), "--sweep", "true", "--out", str(out), *FAST]) == 0
    assert "sweep.png" in capsys.readouterr().out
    rows = [row for row in json.loads((out / "results.json").read_text()) if row["metric"] == "accuracy"]
    steps = [f"step-000000{n}.ckpt" for n in (3, 6, 9)]
    assert [row["checkpoint"] for row in rows] == [step for step in steps for _ in range(4)]
    for name in ("random init + RidgeProbe", "from scratch"):
        assert len({row["mean"] for row in rows if row["row"] == name}) == 1, "one random start for all"
    assert len(list((out / "cells").glob("*.json"))) == 2 * 2 * (1 + 3), "of ways, seeds, and starts"
    assert len({row["mean"] for row in rows if row["row"].startswith("pretrained")}) > 1
    assert np.asarray(Image.open(out / "sweep.png")).std() > 0

    one = str(run / "checkpoints/step-0000003.ckpt")
    assert main(["evaluate", "--ckpt", one, "--sweep", "true", "--out", str(out), *FAST]) == 2
    assert "a sweep needs at least two checkpoints and there are 1" in capsys.readouterr().err


def test_runs_are_their_checkpoints_and_files_themselves(run):
    every = sorted(map(str, (run / "checkpoints").glob("*.ckpt")))
    assert all_checkpoints([str(run)]) == every and all_checkpoints([every[2], str(run)]) == [every[2], *every]


def test_rows_of_one_way():
    assert way("random init + kNN") == way("pretrained + kNN") == " + kNN"
    assert way("from scratch (Linear)") == way("fine-tuned (Linear)") != way("fine-tuned")
