"""Learning what a teacher says, without labels."""

from dataclasses import replace

import lightning as L
import pytest
import torch
from small_encoders import small
from torch import nn

from lit_pretrain.adapt.distillation.distil import Distil
from lit_pretrain.adapt.distillation.soft_labels import SoftLabels
from lit_pretrain.adapt.distillation.ssld import SSLD
from lit_pretrain.adapt.distillation.taught import Taught
from lit_pretrain.adapt.tuning.lora import LoRA
from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.datamodules.vision.datamodule import VisionDataModule
from lit_pretrain.datamodules.vision.source.digits import Digits
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.labelled import Labelled
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.task.regress import Regress
from lit_pretrain.downstream.task.tag_units import TagUnits
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.io.checkpoint import load
from lit_pretrain.part import build, spec

QUIET = {"logger": False, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False}


def teacher_of(name: str) -> tuple[FineTune, object]:
    encoder, batch = small(name)
    teacher = FineTune(encoder, Classify(32, 3))
    nn.init.normal_(teacher.task.linear.weight)
    return teacher, batch


@pytest.mark.parametrize("kind", [SoftLabels, SSLD])
@pytest.mark.parametrize("name", ["bert", "vit", "graph"])
def test_a_student_comes_to_say_what_its_teacher_says_without_labels(name, kind):
    teacher, batch = teacher_of(name)
    before = {key: weight.clone() for key, weight in teacher.state_dict().items()}
    student = Distil(small(name)[0], Classify(32, 3, dropout=0.0), kind(teacher))
    unlabelled = replace(batch, labels=None)
    optimizer = torch.optim.Adam([p for p in student.parameters() if p.requires_grad], 1e-2)
    for _ in range(15):
        optimizer.zero_grad()
        term = student.loss(unlabelled)["teacher"]
        (term.sum / term.count).backward()
        optimizer.step()
    assert all(torch.equal(weight, before[key]) for key, weight in teacher.state_dict().items())
    student.eval()
    said = [model.task(model.encoder(batch)).argmax(1) for model in (teacher.eval(), student)]
    assert (said[0] == said[1]).float().mean() > 0.8


def test_the_divergence_is_that_of_jensen_and_shannon():
    p, q = torch.randn(5, 4), torch.randn(5, 4)
    found = SSLD(teacher_of("vit")[0]).costs(p, q)
    p, q = p.softmax(1), q.softmax(1)
    m = (p + q) / 2
    expected = ((p * (p / m).log()).sum(1) + (q * (q / m).log()).sum(1)) / 2
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(SSLD(teacher_of("vit")[0]).costs(q.log(), p.log()), expected)


def test_soft_labels_are_cross_entropy_at_a_temperature():
    teacher, batch = teacher_of("vit")
    student = Distil(small("vit")[0], Classify(32, 3, dropout=0.0), SoftLabels(teacher, temperature=2.0), label_weight=0.5)
    nn.init.normal_(student.task.linear.weight)
    teacher.eval()
    said, own = (model.task(model.encoder(batch)) for model in (teacher, student))
    losses = student.loss(batch)
    expected = -4 * ((said / 2).softmax(1) * (own / 2).log_softmax(1)).sum()
    torch.testing.assert_close(losses["teacher"].sum, expected)
    assert losses["teacher"].count == 12 and losses["task"].weight == 0.5
    torch.testing.assert_close(losses["task"].sum, nn.functional.cross_entropy(own, batch.labels, reduction="sum"))


def test_a_run_teaches_a_run_with_another_tuning(tmp_path):
    data = Labelled(VisionDataModule(Digits(), image_size=8, channels=1, batch_size=128))
    model = FineTune(ViT(8, 2, 1, 16, 1, 2), Classify(16, 10))
    L.Trainer(max_steps=2, default_root_dir=tmp_path / "teacher", callbacks=[Checkpoint(2)], **QUIET).fit(model, data)
    assert type(Taught(str(tmp_path / "teacher"))) is FineTune
    student = Distil(ViT(8, 4, 1, 16, 1, 2), Classify(16, 10), SSLD(Taught(str(tmp_path / "teacher"))), LoRA())
    trainer = L.Trainer(max_steps=2, default_root_dir=tmp_path / "student", callbacks=[Checkpoint(2)], **QUIET)
    trainer.fit(student, VisionDataModule(Digits(), image_size=8, channels=1, batch_size=128))  # without labels
    found = trainer.validate(student, data, verbose=False)[0]
    assert found["val/teacher"] == found["val/loss"] and 0 <= found["val/accuracy"] <= 1
    for path in sorted((tmp_path / "teacher").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    again = load(tmp_path / "student")
    assert type(again) is Distil and build(spec(student)).state_dict().keys() == student.state_dict().keys()
    for key, weight in student.state_dict().items():
        assert torch.equal(again.state_dict()[key], weight)


def test_what_does_not_fit_is_named(tmp_path):
    teacher, batch = teacher_of("vit")
    with pytest.raises(ValueError, match="Regress gives none"):
        Distil(small("vit")[0], Regress(32, 1), SSLD(teacher))
    with pytest.raises(ValueError, match=r"num_classes=3.*num_classes=4"):
        Distil(small("vit")[0], Classify(32, 4), SoftLabels(teacher))
    with pytest.raises(ValueError, match="must be the same"):
        Distil(small("vit")[0], TagUnits(32, 3), SoftLabels(teacher))
    with pytest.raises(ValueError, match="label_weight=-1"):
        Distil(small("vit")[0], Classify(32, 3), SoftLabels(teacher), label_weight=-1)
    with pytest.raises(ValueError, match="temperature=0"):
        SoftLabels(teacher, temperature=0.0)
    student = Distil(small("vit")[0], Classify(32, 3), SoftLabels(teacher), label_weight=1.0)
    with pytest.raises(ValueError, match="labelled batches"):
        student.loss(replace(batch, labels=None))
    with pytest.raises(ValueError, match=str(tmp_path)):
        Taught(str(tmp_path))
