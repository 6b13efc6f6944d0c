"""The configurations of the tasks fit the data that they name."""

from pathlib import Path

import pytest
import torch

from lit_pretrain.config.compose import compose
from lit_pretrain.config.schema import Schema, signature
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.downstream.task.poly_encoder import PolyEncoder
from lit_pretrain.downstream.tune import Budget
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.downstream.tuning.zero_shot import ZeroShot
from lit_pretrain.part import build, class_path
from lit_pretrain.probes.retrieval import RetrievalProbe
from lit_pretrain.run import root_schema

CONF = Path(__file__).parents[3] / "conf"


FEW = ["--data.data.source.sizes", "{train: 40, validation: 1, test: 1}"]
OURS = ["--data.data.source", "lit_pretrain.datamodules.code.source.tree.Tree", "--data.data.tokenizer.vocab_size", "600",
        "--data.data.source.folder", str(CONF.parent / "lit_pretrain/probes")]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ctc", FEW),
        ("transducer", FEW),
        ("tdt", FEW),
        ("tag_units", FEW),
        ("link", []),
        ("retrieve", OURS),
        ("retrieve", [*OURS, "--model.task.chunk", "4"]),
        ("retrieve", [*OURS, "--model.task", class_path(PolyEncoder), "--model.task.dim", "128"]),
        ("tag_code", OURS),
    ],
)  # fmt: skip
def test_a_batch_is_learned_from(name, changes):
    learn_from(name, changes)


def test_names_are_learned_from_real_sentences(data_dir):
    paths = [word for split, file in (("train", "dev"), ("validation", "test"))
             for word in (f"--data.data.source.{split}", str(data_dir / f"text/wnut17/{file}.conll"))]  # fmt: skip
    learn_from("tag_spans", paths)


def learn_from(name: str, changes: list[str]) -> None:
    words = ["--config", str(CONF / f"downstream/{name}.yaml"), *changes]
    tree, _ = compose("fit", words, {}, root_schema("fit"))
    torch.manual_seed(0)
    model, data = build(tree["model"]), build(tree["data"])
    assert len(model.task.names(data)) == model.task.num_classes
    model.task.check(data)
    term = model.loss(next(iter(data.train_dataloader())))["task"]
    (term.sum / term.count).backward()
    assert term.sum.isfinite() and term.count > 0
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    assert model.task.training and model.encoder.training


@pytest.mark.parametrize(("name", "ways"), [("code_search", (ZeroShot, Full)), ("clones", (RetrievalProbe,))])
def test_a_protocol_is_made(name, ways):
    keys = Schema("lit-pretrain evaluate", signature(Protocol).arguments)
    tree, _ = compose("evaluate", ["--config", str(CONF / f"downstream/{name}.yaml")], {}, keys)
    if "budget" in tree:
        tree["budget"] = {"class_path": class_path(Budget), "init_args": tree["budget"]}
    protocol = build({"class_path": class_path(Protocol), "init_args": tree})
    assert tuple(map(type, (*protocol.probes, *protocol.tunings))) == ways and len(protocol.seeds) == 3
