"""Benchmark files are whole protocols, and run on local copies where LIT_PRETRAIN_DATA names them."""

import os
from pathlib import Path

import pytest
import torch

from lit_pretrain import conf
from lit_pretrain.cli import main
from lit_pretrain.config.compose import compose
from lit_pretrain.config.schema import Argument, Schema, signature
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.speech_transformer import SpeechTransformer
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.io.pretrained import save_pretrained
from lit_pretrain.nn.embedding.log_mel import LogMelFrames
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.part import build, class_path

FOLDER = Path(conf.__path__[0]) / "downstream/benchmarks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
MOLECULES = Categories([119, 9, 11, 12, 9, 5, 8, 2, 2], dim=16)
TOKENS = ["--data.tokenizer", "lit_pretrain.datamodules.text.tokenizer.trained.BPE", "--data.tokenizer.vocab_size", "512"]
# an untrained encoder for the first part of a name, and what the data of text need where no checkpoint gives it
ENCODERS = {
    "glue": (lambda: BERT(512, 16, 1, 2, max_length=128), TOKENS),
    "vtab_fashion": (lambda: ViT(28, 7, 1, 16, 1, 2), []),
    "vtab_hymenoptera": (lambda: ViT(64, 16, 3, 16, 1, 2), []),
    "superb": (lambda: SpeechTransformer(LogMelFrames(16, sample_rate=8000), 1, 2), []),
    "planetoid": (lambda: PyGEncoder(Raw(1433), model="GCN", dim=16), []),
    "tu": (lambda: PyGEncoder(Raw(3), model="GCN", dim=16), []),
    "moleculenet": (lambda: PyGEncoder(MOLECULES, model="GIN", dim=16), []),
    "codexglue": (lambda: BERT(512, 16, 1, 2, max_length=256), TOKENS),
}
FAST = ["--seeds", "0", "--budget.min_steps", "2", "--budget.max_steps", "2", "--budget.learning_rates", "[1e-3]",
        "--budget.weight_decays", "[0.01]"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_declares_data_and_grid(name, monkeypatch, tmp_path):
    monkeypatch.setenv("LIT_PRETRAIN_DATA", str(tmp_path))
    keys = Schema("evaluate", {"data": Argument(DataModule), **signature(Protocol).arguments})
    tree, _ = compose("evaluate", ["--config", str(FOLDER / f"{name}.yaml")], os.environ, keys)
    budget = tree["budget"]
    given = {key: value for key, value in tree.items() if key not in ("data", "budget")}
    protocol = build({"class_path": class_path(Protocol), "init_args": given})
    assert not protocol.tunings or (len(budget["learning_rates"]) > 1 and len(budget["weight_decays"]) > 1)
    assert isinstance(build(tree["data"]), DataModule)
    text = (FOLDER / f"{name}.yaml").read_text()
    assert "arXiv" in text.splitlines()[0] and f"benchmarks/{name}.yaml" in text.splitlines()[1]


@pytest.mark.skipif("LIT_PRETRAIN_DATA" not in os.environ, reason="LIT_PRETRAIN_DATA names no folder with local copies")
@pytest.mark.parametrize("name", [name for name in NAMES if name != "vtab_fashion_mnist"])  # as vtab_hymenoptera, and longer
def test_it_runs_on_a_local_copy(name, tmp_path, capsys):
    if name.startswith("moleculenet"):
        pytest.importorskip("rdkit")
    make, more = next(found for start, found in ENCODERS.items() if name.startswith(start))
    torch.manual_seed(0)
    save_pretrained(make(), tmp_path / "encoder")
    words = ["evaluate", "--config", str(FOLDER / f"{name}.yaml"), "--ckpt", str(tmp_path / "encoder"), *more, *FAST]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    assert len((tmp_path / "out/table.csv").read_text().splitlines()) > 1
