"""What examples add up to is the main metric of the split, over batches, and once only."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.task.ctc import CTC
from lit_pretrain.downstream.task.multi_label import MultiLabel
from lit_pretrain.downstream.task.regress import Regress
from lit_pretrain.downstream.task.retrieve import Retrieve
from lit_pretrain.downstream.task.tag_units import TagUnits
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.retrieval import RetrievalProbe
from lit_pretrain.probes.ridge_regression import RidgeRegression
from lit_pretrain.types import Batch, Encoded, ImageBatch, Layout, Ragged

D, LENGTHS = 6, (3, 5, 2, 4)


def batches() -> list[tuple[Batch, Encoded]]:
    """Two batches of four examples with random labels of every kind, and what an encoder makes of them."""
    torch.manual_seed(0)
    found = []
    for _ in range(2):
        pooled, units = torch.randn(4, D), torch.randn(sum(LENGTHS), D)
        labelled = ImageBatch(torch.zeros(4, 1, 1, 1), labels=torch.randint(3, (4,)),
                              unit_labels=Ragged(torch.randint(-1, 3, (sum(LENGTHS),)), LENGTHS),
                              target=Ragged(torch.randint(3, (6,)), (2, 1, 1, 2)))  # fmt: skip
        found.append((labelled, Encoded(pooled, units, Layout(LENGTHS, torch.device("cpu")))))
    return found


def check(task, change=lambda batch: batch) -> None:
    for weight in task.parameters():
        torch.nn.init.normal_(weight)
    task.eval()
    for batch, encoded in batches():
        task.update(task(encoded), encoded, change(batch))
    outcomes = task.outcomes()
    assert float(outcomes.metric()) == pytest.approx(float(task.metrics.compute()[task.main]), abs=1e-6)
    assert len(outcomes.sums) == len(outcomes.counts) and outcomes.sums.dtype == torch.float64


def numbers(batch: Batch) -> Batch:
    return replace(batch, labels=torch.where(torch.rand(4, 2) < 0.3, torch.nan, torch.randn(4, 2)))


@pytest.mark.parametrize("task, change", [
    (Classify(D, 3), lambda batch: batch), (TagUnits(D, 3), lambda batch: batch), (CTC(D, 3), lambda batch: batch),
    (Regress(D, 2), numbers), (Retrieve(D, projection=4), lambda batch: batch),
], ids=lambda x: type(x).__name__)  # fmt: skip
def test_outcomes_of_tasks_add_up_to_the_main_metric(task, change):
    check(task, change)


def test_what_is_taken_is_gone_and_what_is_no_mean_has_none():
    task = Classify(D, 3).eval()
    (batch, encoded), _ = batches()
    task.update(task(encoded), encoded, batch)
    assert len(task.outcomes().sums) == 4 and task.outcomes() is None
    assert MultiLabel(D, 2).outcomes() is None  # a ROC AUC


def test_outcomes_of_probes_add_up_to_the_main_score():
    torch.manual_seed(0)
    features, labels = torch.randn(60, D), torch.randint(3, (60,))
    values = torch.where(torch.rand(60, 2) < 0.2, torch.nan, torch.randn(60, 2))
    for probe, y in ((KNNProbe(k=3), labels), (RetrievalProbe(), labels), (RidgeRegression(), values)):
        probe.fit(features[:40], y[:40])
        score = dict(probe.score(features[40:], y[40:]))[probe.main]
        assert float(probe.outcomes(features[40:], y[40:]).metric()) == pytest.approx(score)
