"""BYOL: a predictor chases a moving average that no gradient reaches."""

import copy

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.nn.head.projection import MLP
from lit_pretrain.objectives.vision.byol import BYOL
from lit_pretrain.types import ImageBatch


@pytest.fixture
def model(encoder) -> BYOL:
    return BYOL(encoder, MLP(16, 12, 8), MLP(8, 12, 8), momentum=0.9)


def test_the_formula(model, views):
    teacher_encoder, teacher_projector = model.teacher.teacher
    for parameter in model.teacher.parameters():
        parameter.data.mul_(1.3)
    online = [F.normalize(model.predictor(model.projector(model.encoder(views.view(i)).pooled))) for i in range(2)]
    target = [F.normalize(teacher_projector(teacher_encoder(views.view(i)).pooled)) for i in range(2)]
    expected = sum((online[i] - target[1 - i]).square().sum(1).mean() for i in range(2))
    torch.testing.assert_close(model.loss(views)["byol"], expected)


def test_no_gradient_reaches_the_teacher(model, views):
    model.loss(views)["byol"].backward()
    assert all(p.grad is None for p in model.teacher.parameters())
    for part in (model.encoder, model.projector, model.predictor):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


def test_the_teacher_is_the_moving_average(model):
    before = copy.deepcopy(model.teacher.teacher[0].state_dict())
    for parameter in model.encoder.parameters():
        parameter.data.add_(1.0)
    model.after_step()
    name = "blocks.0.mixer.query.weight"
    expected = 0.9 * before[name] + 0.1 * model.encoder.state_dict()[name]
    torch.testing.assert_close(model.teacher.teacher[0].state_dict()[name], expected)
    assert model.teacher.momentum_at(1.0) == 1.0


def test_the_teacher_normalises_by_the_batch_while_training(model, views):
    model.train()
    norm = model.teacher.teacher[1].layers[1]
    assert norm.training and not model.teacher.teacher[0].training
    assert not model.eval().teacher.teacher[1].layers[1].training
    with pytest.raises(ValueError, match="needs 2 views"):
        model.loss(ImageBatch(views.images))
