"""The table: complete, resumable cell by cell, selected on validation, the same each time."""

import csv
import json
import time
from collections import Counter

import lightning as L
import pytest
import torch
import yaml

from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.cli import main
from lit_pretrain.downstream import fingerprint
from lit_pretrain.downstream import protocol as module
from lit_pretrain.downstream.cell import Subject
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.task.ctc import CTC
from lit_pretrain.downstream.tune import Budget
from lit_pretrain.downstream.tuning.linear import Linear
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.part import build, class_path, spec
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.logistic import LogisticProbe

ROWS = ["random init + linear probe", "pretrained + linear probe", "random init + kNN", "pretrained + kNN",
        "from scratch", "fine-tuned"]  # fmt: skip


def tiny(**changes) -> Protocol:
    budget = Budget(learning_rates=(1e-3, 3e-3), epochs=1, min_steps=6, max_steps=12)
    probes = (LogisticProbe((1e-2,), max_iter=20), KNNProbe())
    return Protocol(**{"labels": (30, "all"), "seeds": (0, 1), "probes": probes, "budget": budget} | changes)


@pytest.fixture
def subject(encoder, digits) -> Subject:
    return Subject("digits", encoder, digits)


def test_the_table_is_complete(subject, tmp_path):
    rows = tiny().evaluate([subject], tmp_path)
    assert list(dict.fromkeys(row["row"] for row in rows)) == ROWS
    assert len(rows) == 6 * 2 * 2 and {row["metric"] for row in rows} == {"accuracy", "macro_f1"}
    assert all(row["n"] == 2 and row["seeds"] == [0, 1] and 0 <= row["mean"] <= 1 for row in rows)
    assert json.loads((tmp_path / "results.json").read_text()) == rows
    assert len(list(csv.DictReader((tmp_path / "table.csv").open()))) == len(rows)
    lines = [line for line in (tmp_path / "table.md").read_text().splitlines() if line.startswith("|")]
    assert [line.split("|")[1].strip() for line in lines[2:]] == ROWS
    assert (tmp_path / "table.png").stat().st_size > 1000
    assert spec(build(yaml.safe_load((tmp_path / "protocol.yaml").read_text()))) == spec(tiny())
    scratch = [row for row in rows if row["row"] == "from scratch" and row["metric"] == "accuracy"]
    assert scratch[1]["mean"] > 0.2  # all labels; chance is 0.1


def test_a_cut_run_goes_on_without_repeating(subject, tmp_path, monkeypatch):
    quick = tiny(budget=Budget(learning_rates=(1e-3,), max_steps=2))
    whole = quick.evaluate([subject], tmp_path / "whole")
    done, probe = [], Protocol._probe

    def cut(self, cell, features):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(cell)
        return probe(self, cell, features)

    with monkeypatch.context() as patch:
        patch.setattr(Protocol, "_probe", cut)
        with pytest.raises(KeyboardInterrupt):
            quick.evaluate([subject], tmp_path / "cut")
    assert len(list((tmp_path / "cut/cells").glob("*.json"))) == 3
    count = Counter()
    for name in ("_probe", "_tune"):
        ran = getattr(Protocol, name)
        monkeypatch.setattr(Protocol, name, lambda *a, ran=ran, name=name: (count.update([name]), ran(*a))[1])
    assert quick.evaluate([subject], tmp_path / "cut") == whole  # and so the same results when repeated
    # Of 16 probe cells, 2 repeat what draws nothing: all labels, pretrained, another seed.
    assert count == {"_probe": 16 - 2 - 3, "_tune": 8}
    quick.evaluate([subject], tmp_path / "cut")
    assert count == {"_probe": 16 - 2 - 3, "_tune": 8}
    with torch.no_grad():  # other weights: the pretrained cells are measured again, the random ones are not
        subject.encoder.embedding.weight.mul_(2)
    quick.evaluate([subject], tmp_path / "cut")
    assert count == {"_probe": 16 - 2 - 3 + 8 - 2, "_tune": 8 + 4}


def test_the_test_split_is_read_once_and_after_selection(subject, tmp_path):
    tiny(probes=(), labels=(30,), seeds=(0,)).run([subject], tmp_path)
    asked = subject.data.asked
    # The fingerprint reads the training split, and what two splits share is found without their labels.
    assert asked[:4] == ["train", "train", "validation", "test"]
    assert asked[4:] == ["train", "validation"] * 2 + ["test"] + ["train", "validation"] * 2 + ["test"]
    subject.data.asked.clear()
    tiny(tunings=(), labels=(30,), seeds=(0,)).run([subject], tmp_path)
    assert Counter(asked)["test"] == 2  # one extraction for the random and one for the pretrained encoder


def test_the_rate_is_the_best_on_validation(subject, tmp_path):
    budget = Budget(learning_rates=(1e-7, 1e-2), min_steps=30, epochs=1)
    for result in tiny(probes=(), labels=("all",), seeds=(0,), budget=budget).run([subject], tmp_path):
        assert result["learning_rate"] == 1e-2
        assert result["validation"]["0.01"] > result["validation"]["1e-07"]


PRODUCE = {"task": class_path(CTC), "task_options": {"dropout": 0.0}}


def test_the_grid_has_weight_decays_too(subject, tmp_path):
    budget = Budget(learning_rates=(1e-7, 1e-2), weight_decays=(0.0, 0.1), min_steps=30, epochs=1)
    assert budget.grid() == [(1e-7, 0.0), (1e-7, 0.1), (1e-2, 0.0), (1e-2, 0.1)]
    for result in tiny(probes=(), labels=("all",), seeds=(0,), budget=budget).run([subject], tmp_path):
        chosen = f"{result['learning_rate']}, {result['weight_decay']}"
        assert len(result["validation"]) == 4 and result["validation"][chosen] == max(result["validation"].values())
    assert Budget().grid() == [(3e-4, 0.01), (1e-3, 0.01)]
    with pytest.raises(ValueError, match="weight_decays"):
        Budget(weight_decays=())


def test_the_layer_is_the_best_on_validation(subject, tmp_path):
    with torch.no_grad():  # the last block hides what the first shows
        subject.encoder.final_norm.weight.zero_()
    protocol = tiny(tunings=(), probes=(LogisticProbe((1e-2,), max_iter=20),), labels=(30,), layers=("all",))
    rows = protocol.evaluate([subject], tmp_path)
    assert {row["row"]: row["mean"] > 0.3 for row in rows if row["metric"] == "accuracy"} == dict.fromkeys(ROWS[:2], True)
    for result in protocol.run([subject], tmp_path):
        scores = result["validation"]
        assert list(scores) == ["embedding", "block00", "block01", "pooled"]
        assert scores[result["layer"]] == max(scores.values())
    curve = [row for row in csv.DictReader((tmp_path / "layers.csv").open()) if row["row"] == ROWS[1]]
    assert [row["layer"] for row in curve] == ["embedding", "block00", "block01", "pooled"]
    assert sum(int(row["chosen"]) for row in curve) == 2 and curve[-1]["chosen"] == "0" and float(curve[-1]["mean"]) < 0.2
    assert (tmp_path / "layers.png").stat().st_size > 1000
    assert subject.data.asked.count("test") <= 1 + 4  # to find shared examples, then once for each cell, of one layer


def test_rows_are_compared_on_the_same_examples(subject, encoder, tmp_path):
    broken = type(encoder)()
    with torch.no_grad():
        broken.embedding.weight.zero_()
    quick = tiny(tunings=(), probes=(LogisticProbe((1e-2,), max_iter=20),), labels=("all",))
    rows = quick.evaluate([subject, Subject("broken", broken, subject.data)], tmp_path)
    found = list(csv.DictReader((tmp_path / "compare.csv").open()))
    against = [(row["checkpoint"], row["against_checkpoint"], row["against_row"]) for row in found]
    assert against == [("digits", "digits", ROWS[0]), ("broken", "broken", ROWS[0]), ("broken", "digits", ROWS[1])]
    mean = {(row["checkpoint"], row["row"]): row["mean"] for row in rows if row["metric"] == "accuracy"}
    for row in found:
        difference = mean[row["checkpoint"], row["row"]] - mean[row["against_checkpoint"], row["against_row"]]
        assert float(row["difference"]) == pytest.approx(difference)
        assert float(row["low"]) <= difference <= float(row["high"])
    assert all(float(row["p"]) < 0.01 and row["examples"] == "359" for row in found[1:])
    (marked,) = [line for line in (tmp_path / "table.md").read_text().splitlines() if "broken: pretrained" in line]
    assert marked.endswith("† |")
    assert not any(row["p"] for row in rows if row["metric"] == "macro_f1" or row["row"] == ROWS[0])


def test_of_errors_the_smallest_on_validation_is_selected_and_probes_need_classes(encoder, produced, tmp_path):
    budget = Budget(learning_rates=(2e-2, 1e-7), min_steps=30, epochs=1)
    protocol = tiny(labels=("all",), seeds=(0,), budget=budget, **PRODUCE)
    subjects = [Subject("produced", encoder, produced)]
    rows = protocol.evaluate(subjects, tmp_path)
    assert {row["row"] for row in rows} == {"from scratch", "fine-tuned"}
    assert {row["metric"] for row in rows} == {"error_rate", "left_out"}
    assert not any(row["larger_is_better"] for row in rows)
    for result in protocol.run(subjects, tmp_path):
        assert result["learning_rate"] == 2e-2
        assert result["validation"]["0.02"] < 0.6 < result["validation"]["1e-07"]
    assert "error_rate (%, smaller is better)" in (tmp_path / "table.md").read_text()
    assert spec(build(yaml.safe_load((tmp_path / "protocol.yaml").read_text()))) == spec(protocol)


def test_with_classes_beside_the_target_probes_run_too(encoder, produced):
    produced.class_names = produced.target_names
    assert {cell.row for cell in tiny(**PRODUCE).cells([Subject("both", encoder, produced)])} == set(ROWS)


def test_cells_of_another_task_are_others(subject, produced):
    (cell,) = tiny(probes=(), labels=("all",), seeds=(0,)).cells([subject])[:1]
    protocols = tiny(), tiny(**PRODUCE), tiny(**PRODUCE | {"task_options": {"beam": 2}})
    assert len({protocol.key(cell, "weights", "data") for protocol in protocols}) == 3


def test_targets_are_part_of_the_fingerprint(produced):
    before = fingerprint.of_data(produced)
    produced.dataset.tensors[1][0] = 7
    assert fingerprint.of_data(produced) != before


def test_wrong_tasks_are_named(encoder, digits, tmp_path):
    with pytest.raises(ValueError, match="digits: the data have no target"):
        tiny(**PRODUCE).run([Subject("digits", encoder, digits)], tmp_path)
    for wrong, says in (
        ({"task": class_path(FineTune)}, "class path of a task"),
        ({"task": "lit_pretrain.downstream.task.ctc.needed"}, "class path of a task"),
        ({"task": "lit_pretrain.downstream.task.ctc.CTCC"}, "cannot be imported"),
        (PRODUCE | {"task_options": {"beams": 2}}, r"task_options=\['beams'\]: CTC takes beam, dropout, hidden"),
        (PRODUCE | {"tunings": ()}, "give a tuning"),
    ):
        with pytest.raises(ValueError, match=says):
            tiny(**wrong)


def test_other_tunings_name_their_rows(subject):
    names = {cell.row for cell in tiny(probes=(), tunings=(Linear(),)).cells([subject])}
    assert names == {"from scratch (Linear)", "fine-tuned (Linear)"}


def test_label_choices_are_balanced_and_follow_the_seed(digits):
    def chosen(seed):
        batches = list(digits.loader("train", shuffle=False, labelled=True, limit=30, seed=seed))
        return torch.cat([b.index for b in batches]).tolist(), torch.cat([b.labels for b in batches])

    (first, labels), (again, _), (other, _) = chosen(0), chosen(0), chosen(1)
    assert first == again != other
    assert labels.bincount().tolist() == [3] * 10


def test_unlabelled_data_and_empty_protocols_are_named(subject, tmp_path):
    subject.data.class_names = ()
    with pytest.raises(ValueError, match="digits: the data have no labels"):
        tiny().run([subject], tmp_path)
    for wrong in ({"labels": ()}, {"seeds": ()}, {"probes": (), "tunings": ()}, {"labels": (0,)}):
        with pytest.raises(ValueError, match="give"):
            tiny(**wrong)
    with pytest.raises(ValueError, match="learning_rates"):
        Budget(learning_rates=(0.0,))


@pytest.fixture
def run(encoder, digits, tmp_path):
    model = FineTune(encoder, Classify(16, 10))
    model.optim = AdamW(1e-2)
    quiet = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = L.Trainer(default_root_dir=tmp_path / "run", max_steps=5, callbacks=[Checkpoint(5)], **quiet)
    trainer.fit(model, datamodule=digits)
    return tmp_path / "run"


FAST = ["--budget.max_steps", "2", "--budget.learning_rates", "[1e-3]", "--seeds", "0", "1", "--labels", "30"]


def test_the_command(run, digits, tmp_path, capsys):
    config = module.__file__.replace("lit_pretrain/downstream/protocol.py", "conf/downstream/protocol.yaml")
    out = tmp_path / "out"
    assert main(["evaluate", "--config", config, "--ckpt", str(run), "--out", str(out), *FAST]) == 0
    printed = capsys.readouterr().out
    assert all(row in printed for row in ROWS)
    rows = json.loads((out / "results.json").read_text())
    assert {(row["checkpoint"], row["labels"], row["n"]) for row in rows} == {("run", 30, 2)}
    data = tmp_path / "data.yaml"
    data.write_text(yaml.safe_dump({"data": spec(type(digits)(batch_size=32))}))
    both = [str(run), str(run / "checkpoints/step-0000005.ckpt")]
    assert main(["evaluate", "--ckpt", *both, "--data", str(data), "--out", str(out), *FAST]) == 0
    assert {row["checkpoint"] for row in json.loads((out / "results.json").read_text())} == {"run", "step-0000005.ckpt"}


def test_two_processes_share_the_cells(run, tmp_path, monkeypatch):
    words = ["--probes", "[]", "--budget.max_steps", "2", "--budget.learning_rates", "[1e-3]", "--labels", "30"]
    words = ["evaluate", "--ckpt", str(run), *words, "--seeds", "0", "1", "--out"]
    assert main([*words, str(tmp_path / "one")]) == 0
    here, compute, cells = [], Protocol.compute, tmp_path / "two/cells"

    def after_the_other(self, cell, features):
        while not here and not list(cells.glob("*.json")):
            time.sleep(0.1)
        here.append(cell)
        return compute(self, cell, features)

    monkeypatch.setattr(Protocol, "compute", after_the_other)
    assert main([*words, str(tmp_path / "two"), "--jobs", "2"]) == 0
    assert 0 < len(here) < 4, "the other process computed some of the four cells"
    assert (tmp_path / "two/results.json").read_text() == (tmp_path / "one/results.json").read_text()
    assert main([*words, str(tmp_path / "none"), "--jobs", "0"]) != 0


def test_the_command_takes_a_task(run, produced, tmp_path, capsys):
    data = tmp_path / "data.yaml"
    data.write_text(yaml.safe_dump({"data": spec(produced)}))
    task = ["--task", class_path(CTC), "--task_options.beam", "2"]
    words = ["--ckpt", str(run), "--data", str(data), "--out", str(tmp_path / "out"), *task, *FAST]
    assert main(["evaluate", *words]) == 0
    assert "error_rate (%, smaller is better)" in capsys.readouterr().out
    written = yaml.safe_load((tmp_path / "out/protocol.yaml").read_text())["init_args"]
    assert written["task"] == class_path(CTC) and written["task_options"] == {"beam": 2}


@pytest.mark.parametrize("wrong, says", [
    (["--ckpt", "RUN", "--task", "lit_pretrain.types.Layout"], "class path of a task"),
    (["--ckpt", "nowhere"], "nowhere is no folder here"),
    (["--ckpt", "RUN", "--labels", "some"], "labels"),
    (["--ckpt", "RUN", "--data", "nowhere.yaml"], "nowhere.yaml"),
    (["--ckpt", "RUN", "--budget.epocs", "3"], "epocs"),
    (["--ckpt", "RUN", "--config", "nowhere.yaml"], "nowhere.yaml"),
    (["--seeds", "0"], "ckpt"),
])  # fmt: skip
def test_mistakes_are_one_line(run, wrong, says, capsys, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["evaluate", *(str(run) if word == "RUN" else word for word in wrong)]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
