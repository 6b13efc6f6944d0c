"""The configurations of the tasks fit the data that they name."""

from pathlib import Path

import pytest
import torch

from lit_pretrain.config.compose import compose
from lit_pretrain.part import build
from lit_pretrain.run import root_schema

CONF = Path(__file__).parents[3] / "conf"


FEW = ["--data.data.source.sizes", "{train: 40, validation: 1, test: 1}"]


@pytest.mark.parametrize(
    ("name", "changes"), [("ctc", FEW), ("transducer", FEW), ("tdt", FEW), ("tag_units", FEW), ("link", [])]
)
def test_a_batch_is_learned_from(name, changes):
    words = ["--config", str(CONF / f"downstream/{name}.yaml"), *changes]
    tree, _ = compose("fit", words, {}, root_schema("fit"))
    torch.manual_seed(0)
    model, data = build(tree["model"]), build(tree["data"])
    assert len(model.task.names(data)) == model.task.num_classes
    term = model.loss(next(iter(data.train_dataloader())))["task"]
    (term.sum / term.count).backward()
    assert term.sum.isfinite() and term.count > 0
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    assert model.task.training and model.encoder.training
