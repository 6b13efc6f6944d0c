"""Observers leave the run bit for bit as it was, survive resumption and failure, and say what is true."""

import json
import random

import lightning as L
import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser

from lit_pretrain.callbacks.collapse import Collapse
from lit_pretrain.callbacks.features import LabelledView
from lit_pretrain.callbacks.knn_probe import KNNProbe
from lit_pretrain.callbacks.linear_probe import LinearProbe
from lit_pretrain.callbacks.online_probe import OnlineProbe
from lit_pretrain.callbacks.report import Report
from lit_pretrain.callbacks.summary import Summary
from lit_pretrain.callbacks.throughput import Throughput
from lit_pretrain.io.checkpoint import latest
from lit_pretrain.probes.ridge import RidgeProbe


def observers() -> list:
    return [LinearProbe(every_n_steps=2, limit=150), KNNProbe(every_n_epochs=1, limit=150),
            LinearProbe(every_n_steps=3, limit=100, layer="block00"), Collapse(every_n_steps=2),
            Throughput(benchmark_seconds=0.01), Summary(), Report(map_points=60)]  # fmt: skip


@pytest.mark.parametrize(
    "settings", [{}, {"accumulate_grad_batches": 2}, {"precision": "bf16-mixed", "gradient_clip_val": None}], ids=str
)
def test_weights_are_those_of_a_run_without(tmp_path, fit, settings):
    seen = observers()
    plain, _, _ = fit(tmp_path / "plain", [], **settings)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    watched, _, data = fit(tmp_path / "watched", seen, **settings)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == after
    assert [row["step"] for row in seen[0].history] == [0, 2, 4, 6, 8]
    assert [row["step"] for row in seen[2].history] == [0, 3, 6, 8]
    assert not any(split == "test" for split, _ in data.asked)
    assert {split for split, labelled in data.asked if labelled} == {"train", "validation"}


def test_modes_are_put_back_one_by_one(tmp_path, fit):
    modes = []

    class Watch(Collapse):
        def on_train_batch_start(self, trainer, pl_module, *args):
            modes.append([m.training for m in pl_module.modules()])

    def freeze(module):
        module.norm.eval()

    fit(tmp_path, [LinearProbe(every_n_steps=1, limit=50), Watch(1)], max_steps=3, prepare=freeze)
    assert modes[0] == modes[-1] and not all(modes[0]) and any(modes[0])


def test_history_survives_a_resumption_once(tmp_path, fit):
    whole = observers()
    fit(tmp_path / "whole", whole)
    fit(tmp_path / "cut", observers(), max_steps=4)
    resumed = observers()
    fit(tmp_path / "cut", resumed, resume=latest(tmp_path / "cut"))
    for a, b in zip(whole[:3], resumed[:3], strict=True):
        strip = [{k: v for k, v in row.items() if k != "seconds"} for row in a.history]
        assert strip == [{k: v for k, v in row.items() if k != "seconds"} for row in b.history]
        assert b.protocol() == a.protocol() and b.protocol()["train_examples"] > 0
    assert resumed[-1].history.curves["train/loss"] == whole[-1].history.curves["train/loss"]
    # The checkpoint of step 4 is written after the validation of step 4, which a resumed run does not repeat.
    assert resumed[-1].history.curves["val/loss"] == whole[-1].history.curves["val/loss"]
    assert json.loads((tmp_path / "cut/summary.json").read_text())["steps"] == 8


def test_nothing_of_a_probe_is_in_the_weights(tmp_path, fit):
    fit(tmp_path, observers(), max_steps=4)
    checkpoint = torch.load(latest(tmp_path), weights_only=True)
    assert not [key for key in checkpoint["state_dict"] if "probe" in key]
    assert sum("Probe" in key for key in checkpoint["callbacks"]) == 3  # each under a key of its own


@pytest.mark.filterwarnings("default")
def test_a_failing_probe_warns_once_and_training_goes_on(tmp_path, fit, digits):
    digits.labels = False
    probe = LinearProbe(every_n_steps=1, limit=50)
    with pytest.warns(UserWarning, match="has no labels in split 'train'") as caught:
        _, trainer, _ = fit(tmp_path, [probe], data=digits)
    assert sum("linear_probe failed" in str(w.message) for w in caught) == 1
    assert trainer.global_step == 8 and probe.history == []
    with pytest.raises(ValueError, match=r"block07.*embedding, block00, block01"):
        fit(tmp_path / "raise", [LinearProbe(layer="block07", limit=50, on_error="raise")])


def test_other_data_is_prepared_and_adopts(tmp_path, fit, digits):
    other = type(digits)()
    probe = OnlineProbe(RidgeProbe(), other, limit=100, name="ridge")
    _, trainer, data = fit(tmp_path, [probe], max_steps=2)
    assert other.adopted is data and not any(labelled for _, labelled in data.asked)
    assert [row["step"] for row in probe.history] == [0, 2]
    assert set(trainer.callback_metrics) >= {"ridge/accuracy", "ridge/macro_f1"}


def test_a_probe_sees_learning_and_layers_are_means(tmp_path, fit):
    probe = LinearProbe(limit=300)
    module, trainer, data = fit(tmp_path, [probe], max_steps=40)
    assert probe.history[0]["accuracy"] > 0.5  # even random features of digits
    view = LabelledView(None, 30, "block01")
    module.eval()
    with torch.no_grad():
        features, labels = view.features(trainer, module, "validation")
        batch = next(iter(data.loader("validation", shuffle=False, labelled=True, limit=30)))
        torch.testing.assert_close(features, module.encoder(batch).units.reshape(30, 8, -1).mean(1))
    assert torch.equal(labels, batch.labels)


def test_two_probes_encode_the_same_examples_once(tmp_path, fit):
    counts = []

    def count(module):
        encode = module.encode
        module.encode = lambda batch, layers=False: (counts.append(len(batch.images)), encode(batch, layers))[1]

    fit(tmp_path, [LinearProbe(limit=40), KNNProbe(limit=40)], max_steps=2, prepare=count)
    assert counts == [40] * 4  # training and validation, before the first and after the last step


def test_the_configuration_can_name_them():
    parser = ArgumentParser()
    parser.add_argument("--callback", type=OnlineProbe)
    given = {"class_path": "lit_pretrain.callbacks.linear_probe.LinearProbe",
             "init_args": {"every_n_steps": 250, "layer": "block01", "l2": [0.1, 1.0]}}  # fmt: skip
    made = parser.instantiate(parser.parse_object({"callback": given})).callback
    assert isinstance(made, LinearProbe) and made.name == "linear_probe_block01" and made.probe.l2 == (0.1, 1.0)
    assert KNNProbe().name == "knn_probe"
    with pytest.raises(ValueError, match="limit=0"):
        LinearProbe(limit=0)


def test_collapse_reports_the_gradient_before_clipping(tmp_path, fit):
    norms = []

    class Mine(Collapse):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            super().on_before_optimizer_step(trainer, pl_module, optimizer)
            norms.append(float(torch.cat([p.grad.flatten() for p in pl_module.parameters()]).norm()))

    watch = Mine(every_n_steps=1)
    fit(tmp_path, [watch], max_steps=3, gradient_clip_val=1e-3)
    assert watch.published[0] == 3
    assert {"collapse/rankme", "collapse/uniformity", "collapse/mean_cosine"} < watch.published[1].keys()
    assert watch.published[1]["collapse/gradient_norm"] == pytest.approx(norms[-1], rel=1e-5) and norms[-1] > 1e-2


def test_summary_also_of_a_broken_run(tmp_path, fit):
    class Break(Collapse):
        def on_train_batch_end(self, trainer, *args):
            if trainer.global_step == 3:
                raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        fit(tmp_path / "broken", [LinearProbe(limit=50), Summary(), Break()])
    broken = json.loads((tmp_path / "broken/summary.json").read_text())
    assert not broken["finished"] and broken["error"] == "RuntimeError: no more" and broken["steps"] == 3
    assert len(broken["linear_probe"]["history"]) == 1

    module, trainer, _ = fit(tmp_path / "whole", observers())
    whole = json.loads((tmp_path / "whole/summary.json").read_text())
    assert whole["finished"] and whole["error"] is None
    assert whole["parameters"]["encoder"] == sum(p.numel() for p in module.encoder.parameters())
    assert whole["metrics"]["val/loss"] == pytest.approx(float(trainer.callback_metrics["val/loss"]))
    assert whole["knn_probe"]["protocol"]["k"] == 20 and whole["knn_probe"]["protocol"]["temperature"] == 0.07
    assert whole["linear_probe"]["protocol"]["selected"]["l2"] in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
    assert whole["throughput"]["ceiling_flops_per_s"] > 0 and whole["versions"]["torch"]


def test_any_checkpoint_is_measured_by_validation(tmp_path, fit, capsys):
    probe = KNNProbe(every_n_steps=4, limit=150)
    module, _, data = fit(tmp_path, [probe])
    alone = KNNProbe(limit=150)
    offline = L.Trainer(default_root_dir=tmp_path / "offline", accelerator="cpu", logger=False, callbacks=[alone],
                        enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
    states = torch.get_rng_state().tolist()
    offline.validate(type(module)(type(module.encoder)()), data, ckpt_path=latest(tmp_path), verbose=False)
    assert [row["step"] for row in alone.history] == [8] and torch.get_rng_state().tolist() == states
    assert alone.history[0]["accuracy"] == probe.history[-1]["accuracy"]
    assert f"knn_probe/accuracy {alone.history[0]['accuracy']:.4g}" in capsys.readouterr().out
    written = json.loads((tmp_path / "offline/knn_probe-step-0000008.json").read_text())
    assert written["history"] == alone.history and written["protocol"]["k"] == 20
