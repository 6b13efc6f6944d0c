"""The transducer learns what units spell, and decodes with the states it was trained with."""

from itertools import product

import pytest
import torch

from lit_pretrain.downstream.task.joint import Joint
from lit_pretrain.downstream.task.transducer import Transducer
from lit_pretrain.losses.transducer import transducer_loss
from lit_pretrain.types import Encoded, Layout, Ragged, UnitBatch

CLASSES, DIM = 4, 24


@pytest.mark.parametrize("options", [
    {},
    {"topology": "rna"},
    {"topology": "ctc", "prediction": "stateless"},
    {"reduction": "viterbi"},
    {"beam": 3},
])  # fmt: skip
def test_learns(learn, options):
    torch.manual_seed(0)
    found = learn(Transducer(DIM, CLASSES, hidden=64, dropout=0.0, **options), 60)
    assert found == {"error_rate": pytest.approx(0, abs=0.05), "left_out": 0}


@pytest.mark.parametrize(("topology", "left_out"), [("rnnt", 0.25), ("rna", 0.5)])
def test_impossible_examples_are_left_out_of_the_loss_and_counted(hard, gradients, topology, left_out):
    torch.manual_seed(0)
    task = Transducer(DIM, CLASSES, topology, hidden=8).eval()
    found, total, count = gradients(task, hard)
    assert float(task.metrics["left_out"].compute()) == left_out
    possible = 2 if topology == "rna" else 3
    units, target = hard.units[: sum((12, 5, 2)[:possible])], hard.target.values[: sum((2, 0, 4)[:possible])]
    usual = UnitBatch(units, Layout((12, 5, 2)[:possible]), target=Ragged(target, (2, 0, 4)[:possible]))
    alone, expected, _ = gradients(task, usual)
    torch.testing.assert_close((found, total), (alone, expected))
    assert count == len(target) and total > 0


@pytest.mark.parametrize("prediction", ["lstm", "stateless"])
def test_decoding_has_the_states_of_training(prediction):
    torch.manual_seed(0)
    joint = Joint(DIM, CLASSES, 5, 8, prediction)
    frames, labels = torch.randn(2, 3, 8), ((1, 0, 0), (2,))
    whole = joint(frames, Ragged(torch.tensor([1, 0, 0, 2]), (3, 1)))  # (2, 3, 4, 5)
    for example, own in enumerate(labels):
        predict = joint.predictor()
        for u in range(len(own) + 1):
            step = joint.score(frames[example], predict(own[:u]))
            torch.testing.assert_close(whole[example, :, u], step)


def test_what_the_last_label_was_is_all_that_a_stateless_network_knows():
    torch.manual_seed(0)
    for prediction, same in (("lstm", False), ("stateless", True)):
        predict = Joint(DIM, CLASSES, 5, 8, prediction).predictor()
        empty, first, _, third = (predict((1, 2, 1)[:n]) for n in range(4))
        assert empty.shape == (8,) and torch.equal(first, third) == same


@torch.no_grad()
@pytest.mark.parametrize("topology", ["rna", "ctc"])
def test_a_wide_beam_finds_the_likeliest_labels(topology):
    torch.manual_seed(2)
    task, layout = Transducer(DIM, 2, topology, hidden=8, beam=40).eval(), Layout((3,) * 8)
    task.joint.out.weight.mul_(5)  # so that labels differ in their probability
    predictions = task(Encoded(torch.empty(8, DIM), torch.randn(24, DIM), layout))
    all_labels = [labels for n in range(4) for labels in product(range(2), repeat=n)]  # a label a frame at most
    best = []
    for units in predictions.units.split(layout.lengths):
        target = Ragged(torch.tensor([x for labels in all_labels for x in labels]), tuple(map(len, all_labels)))
        scores = task.joint(units.expand(len(all_labels), -1, -1), target).log_softmax(-1)
        costs = transducer_loss(scores, target, (3,) * len(all_labels), task.blank, topology)
        best.append(all_labels[costs.argmin()])
    found = task.decode(predictions)
    assert found == best
    task.beam = 1
    assert task.decode(predictions) != best, "the likeliest symbols are not always the likeliest labels"


@pytest.mark.parametrize(("options", "problem"), [({"prediction": "gru"}, "prediction='gru'"), ({"beam": 0}, "beam=0")])
def test_mistakes(options, problem):
    with pytest.raises(ValueError, match=problem):
        Transducer(DIM, CLASSES, **options)
