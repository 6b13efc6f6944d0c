"""BGRL: a predictor chases a moving average that no gradient reaches, and there are no negatives."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.corruptions.graph.edge_dropping import EdgeDropping
from lit_pretrain.corruptions.graph.feature_masking import FeatureMasking
from lit_pretrain.nn.head.plain_mlp import PlainMLP
from lit_pretrain.objectives.graph.bgrl import BGRL


@pytest.fixture
def model(encoder) -> BGRL:
    found = BGRL(encoder, PlainMLP(8, 12, 8, "prelu"), FeatureMasking(0.3), FeatureMasking(0.6), momentum=0.9)
    for parameter in found.teacher.parameters():
        parameter.data.mul_(1.3)
    return found


def mean(model: BGRL, batch) -> torch.Tensor:
    model.generator.manual_seed(2)
    term = model.loss(batch)["bgrl"]
    assert term.count == batch.num_examples
    return term.sum / term.count


@pytest.mark.parametrize("kind", ["graphs", "nodes"])
def test_each_view_predicts_the_teachers_vectors_of_the_other(model, kind, request):
    batch, draws = request.getfixturevalue(kind), torch.Generator().manual_seed(2)
    model.augmentations = (EdgeDropping(0.5), FeatureMasking(0.5))
    views = [augmentation(batch, draws) for augmentation in model.augmentations]
    p = [F.normalize(model.predictor(model.encoder(view).pooled)) for view in views]
    y = [F.normalize(model.teacher.teacher(view).pooled) for view in views]
    expected = 2 - ((p[0] * y[1]).sum(1) + (p[1] * y[0]).sum(1)).mean()
    torch.testing.assert_close(mean(model, batch), expected)


def test_there_are_no_negatives(model, graphs, nodes, alone):
    """The loss of a batch is the mean of the losses of its examples, each by itself."""
    torch.testing.assert_close(mean(model, graphs), sum(mean(model, alone(graphs, i)) for i in range(3)) / 3)
    each = [mean(model, replace(nodes, seeds=nodes.seeds[i : i + 1])) for i in range(8)]
    torch.testing.assert_close(mean(model, nodes), sum(each) / 8)


def test_numbers_of_nodes_do_not_count(model, graphs, nodes, relabelled):
    for batch in (graphs, nodes):
        torch.testing.assert_close(mean(model, relabelled(batch)[0]), mean(model, batch))


def test_gradients_reach_the_encoder_and_not_the_teacher(model, nodes):
    mean(model, nodes).backward()
    assert all(p.grad is None for p in model.teacher.parameters())
    for part in (model.encoder.model, model.predictor):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


def test_the_teacher_is_the_moving_average(model):
    before = [p.clone() for p in model.teacher.parameters()]
    model.after_step()
    for old, new, student in zip(before, model.teacher.parameters(), model.encoder.parameters(), strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * student)
    assert model.teacher.momentum_at(1.0) == 1.0


def test_widths_must_agree(encoder):
    with pytest.raises(ValueError, match=r"predictor gives 4 numbers and the encoder 8"):
        BGRL(encoder, PlainMLP(8, 8, 4), FeatureMasking(), FeatureMasking())
