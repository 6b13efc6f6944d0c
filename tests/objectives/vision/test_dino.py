"""DINO: which views are compared, the centre, and what keeps it from collapsing."""

from types import SimpleNamespace

import pytest
import torch

from lit_pretrain.nn.head.projection import Prototypes
from lit_pretrain.objectives.vision.dino import DINO
from lit_pretrain.types import ImageBatch


@pytest.fixture
def model(encoder) -> DINO:
    return DINO(encoder, Prototypes(16, 12, 8, 10)).train()


@pytest.fixture
def crops() -> ImageBatch:
    """Two global views of 8 x 8, three local ones of 4 x 4."""
    draw = lambda side: torch.randn(6, 1, side, side)  # noqa: E731
    torch.manual_seed(3)
    return ImageBatch(draw(8), (draw(8), draw(4), draw(4), draw(4)))


def test_the_formula_over_all_pairs(model, crops):
    model.centre.normal_()
    encoder, head = model.teacher.teacher
    total, pairs = 0.0, 0
    for i in range(2):  # the teacher sees global views only
        target = ((head(encoder(crops.view(i)).pooled) - model.centre) / model.temperature).softmax(1)
        for j in range(5):
            if j != i:
                guess = (model.head(model.encoder(crops.view(j)).pooled) / 0.1).log_softmax(1)
                total, pairs = total - (target * guess).sum(1).mean(), pairs + 1
    assert pairs == 8
    torch.testing.assert_close(model.loss(crops)["dino"], total / pairs)


def test_the_centre_follows_the_teacher(model, crops):
    encoder, head = model.teacher.teacher
    given = torch.cat([head(encoder(crops.view(i)).pooled) for i in range(2)])
    model.loss(crops)
    assert not model.centre.any(), "the step is not taken yet"
    model.after_step()
    torch.testing.assert_close(model.centre, 0.1 * given.mean(0))
    model.eval().loss(crops)
    before = model.centre.clone()
    model.after_step()
    assert torch.equal(model.centre, before), "validation must not move it"


def test_centring_spreads_and_sharpening_decides(model):
    """Outputs that one prototype wins: with the centre the targets use many, and each target is still sharp."""
    outputs = torch.randn(64, 10) * 0.05
    outputs[:, 3] += 1.0
    centred = ((outputs - outputs.mean(0)) / 0.04).softmax(1)
    plain, soft = (outputs / 0.04).softmax(1), ((outputs - outputs.mean(0)) / 1.0).softmax(1)
    entropy = lambda p: -(p * p.clamp(min=1e-12).log()).sum(-1)  # noqa: E731
    assert entropy(plain.mean(0)) < 0.1 < 1.5 < entropy(centred.mean(0))
    assert entropy(centred).mean() < 0.8 * entropy(soft).mean()


def test_no_gradient_reaches_the_teacher(model, crops):
    model.loss(crops)["dino"].backward()
    assert all(p.grad is None for p in model.teacher.parameters())
    assert model.head.prototypes.grad.abs().sum() > 0


@pytest.mark.parametrize(("step", "frozen"), [(0, True), (1, False)])
def test_prototypes_are_frozen_at_first(model, crops, step, frozen):
    """With 1 % of 100 steps: the first one."""
    model._trainer = SimpleNamespace(global_step=step, max_steps=100, accumulate_grad_batches=1)
    model.loss(crops)["dino"].backward()
    model.on_before_optimizer_step(torch.optim.SGD(model.parameters(), 0.1))
    assert (model.head.prototypes.grad is None) == frozen


def test_the_teacher_normalises_by_the_batch_while_training(encoder):
    """The student's running statistics are those of other weights, and of local views too."""
    encoder.add_module("norm", torch.nn.BatchNorm1d(16))
    model = DINO(encoder, Prototypes(16, 12, 8, 10)).train()
    teacher = model.teacher.teacher[0]
    assert teacher.norm.training and not teacher.training
    assert not model.eval().teacher.teacher[0].norm.training


def test_only_directions_of_prototypes_count(model, crops):
    loss = model.loss(crops)["dino"]
    model.head.prototypes.data.mul_(5.0)
    torch.testing.assert_close(model.loss(crops)["dino"], loss)


def test_mistakes(encoder):
    with pytest.raises(ValueError, match="teacher_temperature=0"):
        DINO(encoder, Prototypes(16, 12, 8, 10), teacher_temperature=0)
