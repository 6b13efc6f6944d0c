"""One student of several teachers."""

import pytest
import torch
import torch.nn.functional as F
from small_encoders import small
from torch import nn

from lit_pretrain.adapt.distillation.ladder import Ladder
from lit_pretrain.adapt.distillation.unic import UNIC
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.part import build, spec


def teachers() -> tuple:
    return small("vit")[0], ViT(16, 4, 3, 48, 1, 2)


def test_the_student_comes_to_predict_all_teachers():
    _, batch = small("vit")
    model = UNIC(ViT(16, 4, 3, 32, 2, 2), teachers())
    before = {key: weight.clone() for key, weight in model.teachers.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 3e-3)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = model.loss(batch)["distillation"]
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[-1] < 0.9 * losses[0]
    assert all(torch.equal(weight, before[key]) for key, weight in model.teachers.state_dict().items())
    assert all(p.grad is not None for p in model.encoder.parameters())
    assert build(spec(model)).state_dict().keys() == model.state_dict().keys()


def test_every_block_is_asked_by_its_own_rung():
    ladder, blocks = Ladder(3, 8, 5, 7, 4), [torch.randn(6, 8) for _ in range(3)]
    torch.testing.assert_close(ladder(blocks), sum(rung(x) for rung, x in zip(ladder.rungs, blocks, strict=True)))
    assert [rung[0].out_features for rung in ladder.rungs] == [5, 5, 7]


def test_the_loss_of_a_teacher_is_half_cosine_and_half_smooth_l1():
    encoder, batch = small("vit")
    model = UNIC(encoder, teachers()[:1], units=False).eval()
    norm = model.norms[0]["pooled"]
    nn.init.normal_(norm.running_mean)
    found = model.encoder(batch, layers=True)
    predicted = model.ladders[0]["pooled"]([found.pool("block00"), found.pooled])
    target = (model.teachers[0](batch).pooled - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    expected = (1 - F.cosine_similarity(predicted, target)) / 2 + F.smooth_l1_loss(predicted, target, reduction="none").mean(
        1
    ) / 2
    torch.testing.assert_close(model.loss(batch)["distillation"], expected.mean())


def test_targets_are_standardised_by_all_batches_so_far():
    _, batch = small("vit")
    model = UNIC(small("vit")[0], teachers()[:1])
    for _ in range(2):
        model.loss(batch)
    units = model.teachers[0](batch).units
    torch.testing.assert_close(model.norms[0]["units"].running_mean, units.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.norms[0]["units"].running_var, units.var(0), rtol=1e-4, atol=1e-5)


def test_the_worst_teacher_of_each_example_is_never_dropped(monkeypatch):
    encoder, batch = small("vit")
    model = UNIC(encoder, (*teachers(), ViT(16, 4, 3, 16, 1, 2)), teacher_dropping=1.0)
    costs = torch.rand(3, 12)
    monkeypatch.setattr(model, "_loss", lambda number, *_: costs[number])
    assert model.loss(batch)["distillation"] == pytest.approx(float(costs.amax(0).mean()))
    model.teacher_dropping = 0.0
    assert model.loss(batch)["distillation"] == pytest.approx(float(costs.mean()))
    assert model.eval().loss(batch)["distillation"] == pytest.approx(float(costs.mean()))


def test_teachers_of_other_units_serve_by_their_pooled_vectors():
    encoder, batch = small("vit")
    convnet = TimmEncoder("resnet10t")
    with pytest.raises(ValueError, match=r"student has \d+ units and a teacher \d+: give units=false"):
        UNIC(encoder, (convnet,)).loss(batch)
    assert UNIC(encoder, (convnet,), units=False).loss(batch)["distillation"].isfinite()
    with pytest.raises(ValueError, match="blocks of TimmEncoder differ"):
        UNIC(convnet, (small("vit")[0],), units=False).loss(batch)


def test_units_of_packed_examples_count_by_example():
    _, batch = small("bert")
    loss = UNIC(BERT(99, 32, 2, 2), (small("bert")[0],)).loss(batch)["distillation"]
    loss.backward()
    assert loss.isfinite()
    with pytest.raises(ValueError, match="at least one of teachers"):
        UNIC(small("bert")[0], ())
