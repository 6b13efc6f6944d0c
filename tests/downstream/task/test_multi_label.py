"""Several yes-or-no labels, some unknown."""

import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from lit_pretrain.downstream.task.multi_label import MultiLabel
from lit_pretrain.types import Encoded, Layout, UnitBatch

NAN = float("nan")


def batch_of(vectors: torch.Tensor, labels: torch.Tensor) -> tuple[Encoded, UnitBatch]:
    layout = Layout((1,) * len(vectors))
    return Encoded(vectors, vectors, layout), UnitBatch(vectors, layout, labels=labels)


@pytest.fixture
def case() -> tuple[Encoded, UnitBatch]:
    """Three questions, of which the last has one answer only."""
    torch.manual_seed(0)
    vectors = torch.randn(40, 4)
    labels = (vectors[:, :3] + 0.5 * torch.randn(40, 3) > 0).float()
    labels[torch.rand(40, 3) < 0.3] = NAN
    labels[:, 2] = torch.where(labels[:, 2] == 0, 0.0, NAN)
    return batch_of(vectors, labels)


def test_the_loss_is_that_of_the_known_labels(case):
    encoded, batch = case
    task = MultiLabel(4, 3, dropout=0.0)
    torch.nn.init.normal_(task.linear.weight)
    scores = task(encoded)
    term, known = task.loss(scores, batch), ~batch.labels.isnan()
    signed = torch.where(batch.labels[known] == 1, scores[known], -scores[known])
    torch.testing.assert_close(term.sum, -signed.sigmoid().log().sum())
    assert term.count == known.sum()
    term.sum.backward()
    assert task.linear.weight.grad.isfinite().all()


def test_metrics_are_means_over_the_questions_with_both_answers(case):
    """As scikit-learn has them, over batches of any size."""
    encoded, batch = case
    task = MultiLabel(4, 3).eval()
    torch.nn.init.normal_(task.linear.weight)
    for part in range(0, 40, 16):
        own = batch_of(encoded.pooled[part : part + 16], batch.labels[part : part + 16])
        task.update(task(own[0]), *own)
    scores, found = task(encoded).detach(), task.metrics.compute()
    for name, measure in (("roc_auc", roc_auc_score), ("average_precision", average_precision_score)):
        known = [~batch.labels[:, t].isnan() for t in range(2)]
        wanted = [measure(batch.labels[known[t], t], scores[known[t], t]) for t in range(2)]
        assert float(found[name]) == pytest.approx(sum(wanted) / 2, rel=1e-5)


def test_learns(case):
    encoded, batch = case
    task = MultiLabel(4, 3)
    optimizer = torch.optim.Adam(task.parameters(), 0.05)
    for _ in range(60):
        optimizer.zero_grad()
        task.loss(task(encoded), batch).sum.backward()
        optimizer.step()
    task.eval().update(task(encoded), encoded, batch)
    assert task.metrics["roc_auc"].compute() > 0.85


def test_without_a_ranking_the_metric_is_unknown():
    encoded, batch = batch_of(torch.randn(3, 4), torch.tensor([[1.0], [1.0], [NAN]]))
    task = MultiLabel(4, 1)
    task.update(task(encoded), encoded, batch)
    assert task.metrics["roc_auc"].compute().isnan()


def test_numbers_are_refused():
    encoded, batch = batch_of(torch.randn(3, 4), torch.tensor([0.0, 1.0, 2.5]))
    task = MultiLabel(4, 1)
    with pytest.raises(ValueError, match=r"between 0 and 2.5 .*Regress"):
        task.loss(task(encoded), batch)
