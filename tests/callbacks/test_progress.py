"""The bar counts the steps of the run; without a bar there is none."""

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import RichProgressBar, TQDMProgressBar

from lit_pretrain.callbacks.linear_probe import LinearProbe
from lit_pretrain.callbacks.progress import Progress, StepBar, in_words, steps_of
from lit_pretrain.io.checkpoint import latest

ON = {"enable_progress_bar": True}


class Watch(L.Callback):
    """Notes the bar's tasks and numbers at the end of each step; stands among the callbacks, so a step behind."""

    def __init__(self):
        self.seen, self.validation, self.first = [], [], None

    def on_train_batch_start(self, trainer, *args):
        display = trainer.progress_bar_callback._display
        (task,) = display.tasks
        self.first = self.first or display.numbers
        self.seen.append((task.description, task.completed, task.total))

    def on_validation_batch_end(self, trainer, *args):
        tasks = trainer.progress_bar_callback._display.tasks
        self.validation.append([(t.description, t.completed, t.total) for t in tasks])


def test_it_counts_steps_of_the_run_also_when_resumed(tmp_path, fit, capsys):
    watch = Watch()
    fit(tmp_path, [Progress(), LinearProbe(every_n_steps=2, limit=40), watch], max_steps=4, **ON)
    assert watch.seen == [("Training", step, 4) for step in range(4)]
    assert watch.first.startswith("linear probe ") and watch.first.endswith("%"), "the probe before the first step"
    assert watch.validation[-1][0] == ("Training", 4, 4) and watch.validation[-1][1][0] == "Validation"
    out = capsys.readouterr().out
    assert "4/4" in out and "loss 0." in out and "linear probe" in out and "val/loss" in out
    assert "v_num" not in out and "Epoch" not in out

    watch = Watch()
    _, trainer, _ = fit(tmp_path, [Progress(), watch], max_steps=24, resume=latest(tmp_path), **ON)
    assert watch.seen == [("Training", step, 24) for step in range(4, 24)], "two epochs of ten steps, one count"
    assert "24/24" in capsys.readouterr().out and trainer.progress_bar_callback._display is None


def test_accumulated_batches_are_one_step(tmp_path, fit):
    watch = Watch()
    fit(tmp_path, [Progress(), watch], max_steps=3, accumulate_grad_batches=2, **ON)
    assert [done for _, done, _ in watch.seen] == [0, 0, 1, 1, 2, 2]


def test_without_a_bar_there_is_none(tmp_path, fit, capsys):
    _, trainer, _ = fit(tmp_path, [Progress()], max_steps=2)
    assert trainer.progress_bar_callback is None and "Training" not in capsys.readouterr().out


@pytest.mark.parametrize("other", [TQDMProgressBar(refresh_rate=0), StepBar()], ids=lambda bar: type(bar).__name__)
def test_a_bar_of_ones_own_stays(tmp_path, fit, other):
    _, trainer, _ = fit(tmp_path, [Progress(), other], max_steps=1, **ON)
    assert trainer.progress_bar_callback is other


def test_only_the_default_bar_is_replaced(tmp_path, fit):
    _, trainer, _ = fit(tmp_path, [], max_steps=1, **ON)
    assert type(trainer.progress_bar_callback) is RichProgressBar
    _, trainer, _ = fit(tmp_path / "ours", [Progress()], max_steps=1, **ON)
    assert type(trainer.progress_bar_callback) is StepBar


def test_other_commands_have_bars_too(tmp_path, fit, capsys):
    module, _, data = fit(tmp_path, [], max_steps=1)
    trainer = L.Trainer(accelerator="cpu", logger=False, callbacks=[Progress()], enable_model_summary=False,
                        default_root_dir=tmp_path, enable_checkpointing=False)  # fmt: skip
    for verb, name, total in (
        (trainer.validate, "Validation", 5),
        (trainer.test, "Test", 3),
        (trainer.predict, "Prediction", 3),
    ):
        capsys.readouterr()
        verb(module, datamodule=data)
        out = capsys.readouterr().out
        assert name in out and f"{total}/{total}" in out


def test_a_broken_run_closes_its_bar(tmp_path, fit):
    class Break(L.Callback):
        def on_train_batch_end(self, trainer, *args):
            self.bar = trainer.progress_bar_callback
            raise RuntimeError("no more")

    broken = Break()
    with pytest.raises(RuntimeError):
        fit(tmp_path, [Progress(), broken], **ON)
    assert type(broken.bar) is StepBar and broken.bar._display is None


def test_weights_are_those_of_a_run_without(tmp_path, fit):
    plain, _, _ = fit(tmp_path / "plain", [], max_steps=4)
    shown, _, _ = fit(tmp_path / "shown", [Progress()], max_steps=4, **ON)
    for (name, a), b in zip(plain.state_dict().items(), shown.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_the_length_of_a_run():
    class Trainer:
        max_steps, max_epochs, num_training_batches, accumulate_grad_batches = -1, 3, 10, 4

    assert steps_of(Trainer()) == 9
    for change, expected in (({"max_steps": 7}, 7), ({"max_epochs": -1}, None), ({"max_epochs": None}, None),
                             ({"num_training_batches": float("inf")}, None)):  # fmt: skip
        trainer = Trainer()
        vars(trainer).update(change)
        assert steps_of(trainer) == expected


def test_numbers_in_words():
    assert in_words("linear_probe_block01/accuracy", 0.5234) == "linear probe block01 52.3%"
    assert in_words("val/loss", 2.34567) == "val/loss 2.346"
