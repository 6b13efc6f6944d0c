"""A logger that fails ends no run, and gets what it missed."""

import csv
import shutil
import warnings
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer.record_writer import RecordWriter

from lit_pretrain.callbacks.patient_loggers import PatientLoggers


class Sink(Logger):
    """Raises while it is given rows of these steps."""

    def __init__(self, broken=()):
        super().__init__()
        self.broken, self.rows, self.tries, self.ended = broken, {}, 0, None
        self.now = -1

    name, version, experiment = "sink", 0, None

    def log_hyperparams(self, params, *args):
        pass

    def log_metrics(self, metrics, step):
        self.tries += 1
        if self.now in self.broken:
            raise ConnectionError("unreachable")
        self.rows.setdefault(step, {}).update(metrics)

    def finalize(self, status):
        self.ended = status


class Clock(L.Callback):
    """Tells a sink the step, which the rows that it gets late do not."""

    def __init__(self, sink):
        self.sink = sink

    def on_train_batch_start(self, trainer, *args):
        self.sink.now = trainer.global_step


def train(fit, folder, sink, *callbacks, **patience):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        callbacks = [*callbacks, PatientLoggers(pause=0.0, **patience)]
        module, _, _ = fit(folder, callbacks, logger=sink, log_every_n_steps=1, limit_val_batches=0)
    return module, [str(w.message) for w in said if "metrics" in str(w.message) or "failed at step" in str(w.message)]


def test_what_it_missed_is_handed_over_in_order_with_two_warnings(tmp_path, fit):
    whole, broken = Sink(), Sink(broken=range(2, 5))
    undisturbed, silence = train(fit, tmp_path / "whole", whole)
    module, said = train(fit, tmp_path / "broken", broken, Clock(broken))
    assert broken.rows == whole.rows and list(broken.rows) == list(range(8)) and broken.ended == "success"
    assert silence == [] and len(said) == 2
    assert said[0] == "Sink (sink) failed at step 2, and training goes on: ConnectionError: unreachable"
    assert said[1] == "Sink (sink) works again since step 5; 0 rows of metrics are lost"
    assert all(torch.equal(a, b) for a, b in zip(undisturbed.parameters(), module.parameters(), strict=True))


def test_what_is_kept_is_bounded_and_what_is_lost_is_named(tmp_path, fit):
    sink = Sink(broken=range(2, 7))
    _, said = train(fit, tmp_path, sink, Clock(sink), keep=3)
    assert list(sink.rows) == [0, 1, 5, 6, 7]
    assert said[1] == "Sink (sink) works again since step 7; 3 rows of metrics are lost"


def test_one_that_never_comes_back_is_named_at_the_end(tmp_path, fit):
    sink = Sink(broken=range(2, 99))
    _, said = train(fit, tmp_path, sink, Clock(sink))
    assert list(sink.rows) == [0, 1] and len(said) == 2
    assert said[1] == "Sink (sink) still fails: its metrics since step 2 are lost"


def test_one_that_is_away_is_not_asked_at_each_step(tmp_path, fit):
    sink = Sink(broken=range(2, 99))
    fit(tmp_path, [Clock(sink), PatientLoggers(pause=600.0)], logger=sink, log_every_n_steps=1, limit_val_batches=0)
    assert sink.tries == 2 + 1 + 1, "each good step, the first bad one, and the end of the run"


class Meanwhile(L.Callback):
    """Does something before a step, and something else before a later one."""

    def __init__(self, **actions):
        self.actions = {int(step.removeprefix("step_")): action for step, action in actions.items()}

    def on_train_batch_start(self, trainer, *args):
        self.actions.get(trainer.global_step, lambda: None)()


def test_a_deleted_folder_is_made_again(tmp_path, fit):
    logger = CSVLogger(tmp_path, name="csv", version="rows")
    shutil_rmtree = Meanwhile(step_3=lambda: shutil.rmtree(tmp_path / "csv"))
    train(fit, tmp_path, logger, shutil_rmtree)
    with open(tmp_path / "csv/rows/metrics.csv", newline="") as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == list(range(3, 8))


def test_a_full_disk_leaves_tensorboard_a_new_writer(tmp_path, fit, monkeypatch):
    write, full = RecordWriter.write, []

    def to_disk(self, data):
        if full:
            raise OSError(28, "No space left on device")
        write(self, data)

    monkeypatch.setattr(RecordWriter, "write", to_disk)
    logger = TensorBoardLogger(tmp_path, name="", version="events")
    _, said = train(fit, tmp_path, logger, Meanwhile(step_3=lambda: full.append(1), step_5=full.clear))
    assert "No space left on device" in said[0] and "works again" in said[1]
    steps = {e.step for path in Path(tmp_path, "events").iterdir() if "tfevents" in path.name
             for e in events(path)}  # fmt: skip
    assert steps >= {0, 1, 2, 5, 6, 7}


def events(path):
    found = EventAccumulator(str(path)).Reload()
    return found.Scalars("train/loss") if "train/loss" in found.Tags()["scalars"] else []


def test_options_are_checked():
    with pytest.raises(ValueError, match="keep=0"):
        PatientLoggers(keep=0)
