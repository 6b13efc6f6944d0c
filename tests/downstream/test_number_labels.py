"""Data labelled with numbers: fine-tuning, table and command."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.downstream import fingerprint
from lit_pretrain.downstream.cell import Subject
from lit_pretrain.downstream.labelled import Labelled
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.task.multi_label import MultiLabel
from lit_pretrain.downstream.task.regress import Regress
from lit_pretrain.downstream.tune import Budget
from lit_pretrain.part import class_path, trust
from lit_pretrain.probes.logistic import LogisticProbe
from lit_pretrain.probes.ridge_regression import RidgeRegression
from tests.downstream.conftest import Digits, collate

trust([__name__])


def measured(samples):
    """How much ink a digit has, and whether it is even; the second is unknown of every third."""
    batch = collate(samples)
    even = (batch.labels % 2 == 0).float().where(batch.index % 3 > 0, torch.nan)
    return replace(batch, labels=torch.stack([100 * batch.images.mean((1, 2, 3)), even], 1))


class Measured(Digits):
    """Digits labelled with numbers."""

    class_names = ()
    label_names = ("ink", "even")
    collate = staticmethod(measured)


def protocol(**changes) -> Protocol:
    budget = Budget(learning_rates=(2e-2,), min_steps=60, epochs=1)
    given = {"labels": ("all",), "seeds": (0,), "probes": (RidgeRegression(), LogisticProbe()), "budget": budget}
    return Protocol(**given | changes)


def test_the_table_of_a_regression_has_units_and_the_probe_of_numbers(encoder, tmp_path):
    run = protocol(task=class_path(Regress), task_options={"dropout": 0.0})
    rows = run.evaluate([Subject("measured", encoder, Measured())], tmp_path)
    assert {row["row"] for row in rows} == {
        "random init + RidgeRegression", "pretrained + RidgeRegression", "from scratch", "fine-tuned"
    }  # fmt: skip
    assert {row["metric"] for row in rows} == {"rmse", "mae"} and not any(row["larger_is_better"] for row in rows)
    page = (tmp_path / "table.md").read_text()
    assert page.startswith("rmse (smaller is better) on the test split") and "%" not in page
    tuned = next(row["mean"] for row in rows if row["row"] == "fine-tuned" and row["metric"] == "rmse")
    labels = torch.cat([batch.labels for batch in Measured().loader("test", shuffle=False)])
    even = labels[~labels[:, 1].isnan(), 1]
    assert tuned < 0.7 * (labels[:, 0].std() + even.std()) / 2, "better than the mean"
    assert f"{tuned:.3g} ± 0" in page


def test_questions_are_learned(encoder, tmp_path):
    found = protocol(probes=(), task=class_path(MultiLabel)).run([Subject("even", encoder, Even())], tmp_path)
    assert all(result["metrics"]["roc_auc"] > 0.7 for result in found)


def even(samples):
    batch = measured(samples)
    return replace(batch, labels=batch.labels[:, 1])


class Even(Digits):
    """One question, without a column."""

    class_names = ()
    label_names = ("even",)
    collate = staticmethod(even)


def test_names_pass_through_and_are_checked(encoder, digits):
    data = Labelled(Measured())
    assert data.label_names == ("ink", "even") and Regress.names(data) == data.label_names
    task = Regress.of(encoder, data)
    assert task.num_classes == 2
    task.check(data)
    with pytest.raises(ValueError, match=r"2 labels an example .ink, even. and the task num_labels=1: set it to 2"):
        MultiLabel(16, 1).check(data)
    with pytest.raises(ValueError, match="the label_names of the data are empty"):
        MultiLabel.of(encoder, digits)
    with pytest.raises(ValueError, match="the class_names of the data are empty"):
        Classify.of(encoder, data)


def test_names_and_labels_are_part_of_the_fingerprint(monkeypatch):
    before = fingerprint.of_data(Measured())
    monkeypatch.setattr(Measured, "label_names", ("ink", "odd"))
    assert fingerprint.of_data(Measured()) != before


def test_probes_learn_what_their_data_name(encoder, digits):
    cells = protocol().cells([Subject("digits", encoder, digits)])
    assert {type(cell.way) for cell in cells} >= {LogisticProbe} and RidgeRegression not in {type(c.way) for c in cells}
