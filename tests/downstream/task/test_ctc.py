"""CTC learns what units spell, and impossible examples do not disturb it."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.downstream.task.ctc import CTC, needed
from lit_pretrain.losses.transducer import transducer_loss
from lit_pretrain.types import Encoded, Layout, Ragged, UnitBatch

CLASSES, DIM = 4, 24


@pytest.mark.parametrize("options", [{}, {"hidden": 8, "beam": 3}])
def test_learns(learn, options):
    torch.manual_seed(0)
    assert learn(CTC(DIM, CLASSES, **options), 30, 5e-2) == {"error_rate": pytest.approx(0, abs=0.03), "left_out": 0}


def test_impossible_examples_are_left_out_of_the_loss_and_counted(hard, gradients):
    torch.manual_seed(0)
    task = CTC(DIM, CLASSES).eval()
    found, total, count = gradients(task, hard)
    assert float(task.metrics["left_out"].compute()) == 0.5
    usual = UnitBatch(hard.units[:17], Layout((12, 5)), target=Ragged(torch.tensor([1, 3]), (2, 0)))
    alone, expected, _ = gradients(task, usual)
    torch.testing.assert_close((found, total), (alone, expected))
    assert count == 2 and total > 0


def test_needs_a_blank_between_equal_neighbours():
    target = Ragged(torch.tensor([2, 2, 2, 2, 1, 1, 0]), (3, 2, 1, 0, 1))
    assert needed(target).tolist() == [5, 2, 1, 0, 1]
    for example, labels in enumerate(target.split()):
        for frames in range(1, 6):
            log_probs = torch.full((1, frames, len(labels) + 1, 4), -1.0)
            costs = transducer_loss(log_probs, Ragged(labels, (len(labels),)), (frames,), 3, "ctc")
            assert (frames >= needed(target)[example]) == costs.isfinite().item()


def test_a_recurrent_layer_sees_its_own_example_only():
    torch.manual_seed(0)
    task = CTC(DIM, CLASSES, hidden=5).eval()
    units = torch.randn(9, DIM)

    def scores(units, lengths):
        return task(Encoded(units.new_zeros(len(lengths), DIM), units, Layout(lengths))).units

    apart = [scores(units[:2], (2,)), scores(units[2:], (7,))]
    torch.testing.assert_close(scores(units, (2, 0, 7)), torch.cat(apart))


def test_units_that_stand_for_the_whole_example_are_no_frames():
    torch.manual_seed(0)
    task, units = CTC(DIM, CLASSES).eval(), torch.randn(7, DIM)
    whole = task(Encoded(units[:2], units, Layout((4, 3), leading=1)))
    rest = units[[1, 2, 3, 5, 6]]
    assert whole.layout.lengths == (3, 2)
    torch.testing.assert_close(whole.units, task(Encoded(units[:2], rest, Layout((3, 2)))).units)


def test_a_beam_sums_over_paths_where_greedy_takes_one():
    probabilities = torch.tensor([[0.4, 0.0, 0.6], [0.4, 0.0, 0.6]])  # blank blank 0.36; label 0 0.64
    predictions = UnitBatch(probabilities.log(), Layout((2,)))
    assert CTC(3, 2).decode(predictions) == [()] and CTC(3, 2, beam=2).decode(predictions) == [(0,)]


def test_wrong_options_are_named():
    for options in ({"beam": 0}, {"hidden": -1}):
        with pytest.raises(ValueError, match="beam="):
            CTC(3, 2, **options)
    with pytest.raises(ValueError, match="num_classes=0"):
        CTC(3, 0)


def test_the_loss_is_nats_a_label():
    torch.manual_seed(0)
    task, units = CTC(DIM, CLASSES).eval(), torch.randn(4, DIM)
    batch = UnitBatch(units, Layout((4,)), target=Ragged(torch.tensor([1, 2]), (2,)))
    term = task.loss(task(Encoded(units[:1], units, batch.layout)), batch)
    logits = task.linear(units).log_softmax(1)[:, None]
    expected = F.ctc_loss(logits, batch.target.values[None], [4], [2], blank=CLASSES, reduction="sum")
    torch.testing.assert_close(term.sum, expected)
    assert term.count == 2
