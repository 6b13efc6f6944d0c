"""A class for every unit, of labels that stand on stretches of the example."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.downstream.task.tag_units import TagUnits
from lit_pretrain.types import Encoded, Layout, Ragged, UnitBatch

CLASSES, DIM = 4, 24


def test_learns(learn):
    torch.manual_seed(0)
    assert learn(TagUnits(DIM, CLASSES), 30) == {"accuracy": 1, "macro_f1": 1}


def test_units_without_a_label_count_nowhere():
    torch.manual_seed(0)
    task, units = TagUnits(DIM, 3).eval(), torch.randn(7, DIM)
    torch.nn.init.normal_(task.linear.weight)
    layout = Layout((4, 3), leading=1)  # 3 and 2 units that stand somewhere
    batch = UnitBatch(units, layout, unit_labels=Ragged(torch.tensor([2, -1, 0, 1]), (3, 1)))
    encoded = Encoded(units[:2], units, layout)
    predictions = task(encoded)
    term = task.loss(predictions, batch)
    labelled, labels = units[[1, 3, 5, 6]], torch.tensor([2, 0, 1, 1])
    scores = task.linear(labelled)
    torch.testing.assert_close(term.sum, F.cross_entropy(scores, labels, reduction="sum"))
    assert term.count == 4
    task.update(predictions, encoded, batch)
    assert float(task.metrics["accuracy"].compute()) == (scores.argmax(1) == labels).float().mean()
    assert [x.shape for x in task.decode(predictions)] == [(4, 3), (3, 3)]


def test_too_few_classes_are_named():
    with pytest.raises(ValueError, match="num_classes=1"):
        TagUnits(DIM, 1)
