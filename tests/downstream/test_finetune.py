"""FineTune is an objective whose targets are labels."""

import lightning as L
import pytest
import torch
import yaml

from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.cli import main
from lit_pretrain.downstream.decoding.error_rate import error_rate
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.labelled import Labelled
from lit_pretrain.downstream.task.base import NAMES
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.task.ctc import CTC
from lit_pretrain.downstream.task.tag_units import TagUnits
from lit_pretrain.downstream.tuning.linear import Linear
from lit_pretrain.encoders.checkpoint import FromCheckpoint
from lit_pretrain.io.checkpoint import load
from lit_pretrain.io.pretrained import save_pretrained
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.part import class_path, spec

QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


def fit(encoder, data, folder=None, steps=60, task=None):
    model = FineTune(encoder, task or Classify(16, 10))
    model.optim = AdamW(1e-2)
    callbacks = [Checkpoint(every_n_steps=steps)] if folder else []
    trainer = L.Trainer(max_steps=steps, max_epochs=-1, default_root_dir=folder, callbacks=callbacks,
                        enable_checkpointing=bool(folder), **QUIET)  # fmt: skip
    trainer.fit(model, datamodule=data)
    return model, trainer


def test_learns_and_reports_metrics(encoder, digits):
    model, trainer = fit(encoder, Labelled(digits))
    found = trainer.test(model, datamodule=trainer.datamodule, verbose=False)[0]
    assert found["test/accuracy"] > 0.7 and 0.5 < found["test/macro_f1"] <= 1
    assert found["test/task"] == found["test/loss"]
    right = [out["predictions"].argmax(1) == out["labels"] for out in trainer.predict(model, trainer.datamodule)]
    assert found["test/accuracy"] == pytest.approx(torch.cat(right).float().mean().item(), abs=1e-6)


def test_unlabelled_batches_are_named(encoder, digits):
    batch = next(iter(digits.loader("train", shuffle=False)))
    batch.labels = None
    with pytest.raises(ValueError, match="labelled batches"):
        FineTune(encoder, Classify(16, 10)).loss(batch)


def test_sequences_are_learned_measured_and_predicted(encoder, produced):
    model, trainer = fit(encoder, Labelled(produced), task=CTC(16, 10, dropout=0.0))
    found = trainer.test(model, datamodule=trainer.datamodule, verbose=False)[0]
    assert found["test/error_rate"] < 0.3 and found["test/left_out"] == 0
    predicted = [labels for out in trainer.predict(model, trainer.datamodule) for labels in out["predictions"]]
    references = [labels.tolist() for batch in produced.loader("test", shuffle=False) for labels in batch.target.split()]
    assert found["test/error_rate"] == pytest.approx(error_rate(predicted, references))


@pytest.mark.parametrize(("task", "says"), [
    (TagUnits(16, 10), "TagUnits learns from unit_labels of the batch.*unit_names"),
    (CTC(16, 10), "CTC learns from target of the batch.*target_names"),
])  # fmt: skip
def test_a_field_that_is_missing_is_named(encoder, digits, task, says):
    batch = next(iter(digits.loader("train", shuffle=False)))
    with pytest.raises(ValueError, match=says):
        FineTune(encoder, task).loss(batch)
    with pytest.raises(ValueError, match=f"the {task.needs.replace('_labels', '')}_names of the data are empty"):
        type(task).of(encoder, digits)


def test_names_of_labels_units_and_targets_pass_through(digits, produced):
    digits.unit_names = ("a", "b")
    for data in map(Labelled, (digits, produced)):
        assert all(getattr(data, name) == getattr(data.data, name) for name in NAMES.values())
    assert Labelled(digits).unit_names == ("a", "b") and len(Labelled(produced).target_names) == 10


def test_too_few_classes_are_named(encoder, digits, produced):
    with pytest.raises(ValueError, match="10 classes and the task num_classes=9"):
        CTC(16, 9).check(produced)
    CTC(16, 9).check(digits)  # their classes are none of its business
    model = FineTune(encoder, Classify(16, 9))
    with pytest.raises(ValueError, match="10 classes and the task num_classes=9"):
        L.Trainer(max_steps=1, enable_checkpointing=False, **QUIET).fit(model, datamodule=Labelled(digits))


def test_an_encoder_comes_from_a_run_a_file_or_a_folder_and_needs_it_no_more(encoder, digits, tmp_path):
    fit(encoder, Labelled(digits), tmp_path / "run", steps=3)
    save_pretrained(encoder, tmp_path / "exported")
    batch = next(iter(digits.loader("train", shuffle=False)))
    expected = encoder.eval()(batch).pooled
    for path in (tmp_path / "run", tmp_path / "run/checkpoints/step-0000003.ckpt", tmp_path / "exported"):
        again = FromCheckpoint(str(path))
        assert type(again).__name__ == "Small" and spec(again) == spec(encoder)
        assert torch.equal(again(batch).pooled, expected)
    second, _ = fit(FromCheckpoint(str(tmp_path / "run")), Labelled(digits), tmp_path / "second", steps=2)
    assert second.encoder.blocks[0][2].training  # it arrived in eval mode
    for path in sorted((tmp_path / "run").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    assert torch.equal(load(tmp_path / "second").encoder.blocks[0][0].weight, second.encoder.blocks[0][0].weight)


def test_nothing_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=str(tmp_path)):
        FromCheckpoint(str(tmp_path))


def test_labelled_limits_the_training_split_only(digits):
    data = Labelled(digits, limit=20)
    counts = [sum(b.num_examples for b in data.loader(s, shuffle=False)) for s in ("train", "validation", "test")]
    assert counts == [20, 359, 359]
    assert data.num_classes == 10


def test_runs_from_the_command_line(encoder, digits, tmp_path):
    fit(encoder, Labelled(digits), tmp_path / "run", steps=3)
    tree = {
        "include": ["../trainer/smoke.yaml"],
        "trainer": {"check_val_every_n_epoch": None, "accelerator": "cpu"},
        "model": {
            "class_path": "lit_pretrain.downstream.finetune.FineTune",
            "init_args": {
                "encoder": {"class_path": class_path(FromCheckpoint), "init_args": {"path": str(tmp_path / "run")}},
                "task": {"class_path": class_path(Classify), "init_args": {"dim": 16, "num_classes": 10}},
                "tuning": {"class_path": class_path(Linear)},
            },
        },
        "data": spec(Labelled(digits, limit=50)),
    }
    (tmp_path / "finetune.yaml").write_text(yaml.safe_dump(tree))
    words = ["--config", str(tmp_path / "finetune.yaml"), "--run_dir", str(tmp_path / "tuned"), "--trust", "tests"]
    assert main(["fit", *words]) == 0
    model = load(tmp_path / "tuned")
    assert type(model) is FineTune and type(model.tuning) is Linear
    assert all(torch.equal(p, q) for p, q in zip(model.encoder.parameters(), encoder.parameters(), strict=True))
