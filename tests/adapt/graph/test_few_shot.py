"""The few-shot configurations run from the command line."""

import json
from pathlib import Path

import pytest
import torch

from lit_pretrain.cli import main
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.io.pretrained import save_pretrained
from lit_pretrain.nn.nodes.raw import Raw

CONF = Path(__file__).parents[3] / "conf"


@pytest.mark.parametrize(
    ("name", "words", "rows"),
    [
        ("few_shot", ["--tunings", "[]"], ["random init + linear probe", "pretrained + linear probe", "random init + kNN",
                                           "pretrained + kNN"]),
        ("graphprompt", [], ["from scratch (Linear)", "fine-tuned (Linear)"]),
    ],
)  # fmt: skip
def test_each_seed_is_an_episode(name, words, rows, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=True: None)
    save_pretrained(PyGEncoder(Raw(64), dim=8), tmp_path / "encoder")
    words = [
        *words,
        "--config",
        str(CONF / f"downstream/{name}.yaml"),
        "--ckpt",
        str(tmp_path / "encoder"),
        "--labels",
        "20",
    ]
    words += ["--data", str(CONF / "data/graph/digits.yaml"), "--seeds", "0", "1", "--out", str(tmp_path / "out")]
    assert main(["evaluate", *words, "--budget.max_steps", "1", "--budget.learning_rates", "[1e-2]"]) == 0
    found = json.loads((tmp_path / "out/results.json").read_text())
    assert list(dict.fromkeys(row["row"] for row in found)) == rows
    assert all(row["n"] == 2 and row["labels"] == 20 for row in found)
