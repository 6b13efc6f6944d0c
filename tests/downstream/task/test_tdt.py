"""The token-and-duration transducer learns what units spell, and skips most of them."""

from itertools import product

import pytest
import torch

from lit_pretrain.downstream.task.tdt import TDT
from lit_pretrain.losses.tdt import tdt_loss
from lit_pretrain.types import Encoded, Layout, Ragged, UnitBatch

CLASSES, DIM = 4, 24


@pytest.mark.parametrize("options", [{}, {"durations": (1, 2, 4), "prediction": "stateless"}])
def test_learns_and_visits_at_most_half_of_the_units(learn, options):
    torch.manual_seed(0)
    found = learn(TDT(DIM, CLASSES, hidden=64, dropout=0.0, **options), 30)
    assert found["error_rate"] < 0.05 and found["left_out"] == 0
    assert 1 / 6 <= found["frames_visited"] <= 0.5


def test_impossible_examples_are_left_out_of_the_loss_and_counted(hard, gradients):
    torch.manual_seed(0)
    task = TDT(DIM, CLASSES, (1, 2), hidden=8).eval()
    found, total, count = gradients(task, hard)
    assert float(task.metrics["left_out"].compute()) == 0.5
    usual = UnitBatch(hard.units[:17], Layout((12, 5)), target=Ragged(torch.tensor([1, 3]), (2, 0)))
    alone, expected, _ = gradients(task, usual)
    torch.testing.assert_close((found, total), (alone, expected))
    assert count == 2 and total > 0


def test_visits_are_counted_over_all_units():
    task = TDT(DIM, CLASSES, (1, 3), hidden=8).eval()
    with torch.no_grad():
        task.joint.out.weight.zero_()
        task.joint.out.bias.copy_(torch.tensor([0.0, 0, 0, 0, 1, 0, 1]))  # blank and three units on, always
    for lengths in ((7, 2), (3,)):
        layout = Layout(lengths)
        batch = UnitBatch(torch.zeros(sum(lengths), DIM), layout, target=Ragged(torch.tensor([1]), (1, 0)[: len(lengths)]))
        encoded = Encoded(batch.units[: len(lengths)], batch.units, layout)
        task.update(task(encoded), encoded, batch)
    assert float(task.metrics["frames_visited"].compute()) == pytest.approx((3 + 1 + 1) / 12)
    assert float(task.metrics["error_rate"].compute()) == 1


@torch.no_grad()
def test_a_wide_beam_finds_the_likeliest_labels():
    torch.manual_seed(2)
    task, layout = TDT(DIM, 2, (1, 2), hidden=8, beam=40).eval(), Layout((4,) * 8)
    task.joint.out.weight.mul_(5)  # so that labels differ in their probability
    predictions = task(Encoded(torch.empty(8, DIM), torch.randn(32, DIM), layout))
    all_labels = [labels for n in range(4) for labels in product(range(2), repeat=n)]  # before the blank that ends
    target = Ragged(torch.tensor([x for labels in all_labels for x in labels]), tuple(map(len, all_labels)))
    best = []
    for units in predictions.units.split(layout.lengths):
        scores = task.joint(units.expand(len(all_labels), -1, -1), target)
        symbols, lengths = (x.log_softmax(-1) for x in scores.split((3, 2), -1))
        best.append(all_labels[tdt_loss(symbols, lengths, target, (4,) * len(all_labels), task.blank, (1, 2)).argmin()])
    assert task.decode(predictions) == best
    task.beam = 1
    assert task.decode(predictions) != best, "the likeliest symbols are not always the likeliest labels"


def test_wrong_durations_are_named(hard, gradients):
    with pytest.raises(ValueError, match=r"durations=\(0,\)"):
        gradients(TDT(DIM, CLASSES, (0,)), hard)
