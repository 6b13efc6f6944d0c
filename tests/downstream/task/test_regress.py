"""Regression on standardised targets, where some are unknown."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import l1_loss, mse_loss

from lit_pretrain.downstream.task.regress import Regress
from lit_pretrain.types import Encoded, Layout, UnitBatch

NAN = float("nan")


def batch_of(vectors: torch.Tensor, labels: torch.Tensor) -> tuple[Encoded, UnitBatch]:
    layout = Layout((1,) * len(vectors))
    return Encoded(vectors, vectors, layout), UnitBatch(vectors, layout, labels=labels)


def learn(task: Regress, encoded: Encoded, batch: UnitBatch, steps: int, lr: float = 0.05) -> None:
    optimizer = torch.optim.Adam(task.parameters(), lr)
    for _ in range(steps):
        term = task.loss(task(encoded), batch)
        optimizer.zero_grad()
        (term.sum / term.count).backward()
        optimizer.step()


def measure(task: Regress, encoded: Encoded, batch: UnitBatch) -> dict[str, float]:
    task.eval().update(task(encoded), encoded, batch)
    return {name: float(value) for name, value in task.metrics.compute().items()}


@pytest.mark.parametrize("cost", ["squared", "absolute"])
def test_labels_of_any_scale_are_learned(cost):
    torch.manual_seed(0)
    vectors = torch.randn(200, 4)
    labels = torch.stack([1e4 + 300 * vectors[:, 0], 0.001 * vectors[:, 1] - 2, vectors[:, 2]], 1)
    task = Regress(4, 3, cost, dropout=0.0)
    encoded, batch = batch_of(vectors, labels)
    learn(task, encoded, batch, 200)
    error = (task.eval().decode(task(encoded)) - labels).abs().mean(0) / labels.std(0)
    assert (error < 0.05).all(), error


def test_the_loss_and_the_metrics_are_those_of_the_known_labels():
    torch.manual_seed(0)
    vectors, labels = torch.randn(9, 4), torch.randn(9, 2)
    labels[0, 0], labels[3:, 1] = NAN, NAN
    encoded, batch = batch_of(vectors, labels)
    for cost, expected in (("squared", mse_loss), ("absolute", l1_loss)):
        task = Regress(4, 2, cost, dropout=0.0)
        torch.nn.init.normal_(task.linear.weight)
        predictions = task(encoded)
        term = task.loss(predictions, batch)
        columns = [labels[1:, 0], labels[:3, 1]]
        wanted = torch.cat([(x - x.mean()) / x.std(correction=0) for x in columns])
        torch.testing.assert_close(
            term.sum, expected(torch.cat([predictions[1:, 0], predictions[:3, 1]]), wanted, reduction="sum")
        )
        assert term.count == 11
    said = task.decode(predictions).detach()
    pairs = [(said[1:, 0], columns[0]), (said[:3, 1], columns[1])]
    found = measure(task, encoded, batch)
    assert found["rmse"] == pytest.approx(sum(mse_loss(*p).sqrt() for p in pairs).item() / 2, rel=1e-5)
    assert found["mae"] == pytest.approx(sum(l1_loss(*p) for p in pairs).item() / 2, rel=1e-5)
    assert not Regress.larger_is_better and not Regress.percent


def test_statistics_of_batches_are_those_of_all_labels():
    torch.manual_seed(0)
    labels = 5 + 3 * torch.randn(50, 2)
    labels[torch.rand(50, 2) < 0.3] = NAN
    task = Regress(4, 2)
    for part in labels.split(7):
        task.loss(torch.zeros(len(part), 2), batch_of(torch.zeros(len(part), 4), part)[1])
    for t in range(2):
        known = labels[~labels[:, t].isnan(), t]
        torch.testing.assert_close(task.mean[t], known.mean())
        torch.testing.assert_close(task.deviation[t], known.std(correction=0))
    task.eval().loss(torch.zeros(50, 2), batch_of(torch.zeros(50, 4), 100 + labels)[1])
    assert (task.mean < 10).all(), "validation leaves them as they are"


def test_unknown_labels_disturb_nothing():
    """Neither gradients nor statistics become NaN, also where a label is never known."""
    vectors, labels = torch.randn(5, 4), torch.tensor([[1.0, NAN], [NAN, NAN], [3.0, NAN], [1.0, NAN], [2.0, NAN]])
    task = Regress(4, 2)
    encoded, batch = batch_of(vectors, labels)
    learn(task, encoded, batch, 3)
    assert all(parameter.isfinite().all() for parameter in task.parameters())
    assert task.mean.isfinite().all() and task.variance.isfinite().all()
    assert task.metrics["rmse"].counts.sum() == 0
    assert measure(task, encoded, batch)["rmse"] > 0


def test_one_number_an_example_needs_no_column():
    vectors, labels = torch.randn(6, 4), torch.randn(6)
    encoded, flat = batch_of(vectors, labels)
    column = replace(flat, labels=labels[:, None])
    first, second = Regress(4, 1, dropout=0.0), Regress(4, 1, dropout=0.0)
    assert first.loss(first(encoded), flat).sum == second.loss(second(encoded), column).sum


def test_wrong_labels_and_options_are_named():
    encoded, batch = batch_of(torch.randn(3, 4), torch.zeros(3, dtype=torch.long))
    task = Regress(4, 1)
    with pytest.raises(ValueError, match=r"int64 classes: use .*Classify"):
        task.loss(task(encoded), batch)
    with pytest.raises(ValueError, match="2 labels and the task num_labels=1"):
        task.loss(task(encoded), replace(batch, labels=torch.randn(3, 2)))
    with pytest.raises(ValueError, match="cost='cubic'"):
        Regress(4, 1, "cubic")
    with pytest.raises(ValueError, match="num_labels=0"):
        Regress(4, 0)
