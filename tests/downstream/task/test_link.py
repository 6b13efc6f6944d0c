"""Pairs of units that belong together."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn

from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.link import Link
from lit_pretrain.types import Encoded, Encoder, Layout, UnitBatch


class Itself(Encoder):
    """A learned factor times the units."""

    def __init__(self, dim: int = 4):
        super().__init__()
        self.dim, self.num_layers, self.blocks = dim, 1, nn.ModuleList()
        self.factor = nn.Parameter(torch.ones(dim))

    def forward(self, inputs, *, keep=None, mask=None, layers=False) -> Encoded:
        units = inputs.units * self.factor
        return Encoded(units, units, inputs.layout)


@pytest.fixture
def batch() -> UnitBatch:
    torch.manual_seed(0)
    units = torch.randn(30, 4)
    pairs = torch.randint(30, (60, 2))
    labels = (F.cosine_similarity(*units[pairs.T]) > 0.2).long()
    return UnitBatch(units, Layout((1,) * 30), pairs=pairs, pair_labels=labels)


def scores_of(task: Link, batch: UnitBatch) -> torch.Tensor:
    return task(task.encode(Itself(), batch))


def test_the_loss_is_that_of_dot_products(batch):
    task = Link(4)
    term = task.loss(scores_of(task, batch), batch)
    u, v = batch.units[batch.pairs.T]
    signed = (u * v).sum(1) * (2 * batch.pair_labels - 1)
    torch.testing.assert_close(term.sum, -signed.sigmoid().log().sum())
    assert term.count == 60


@pytest.mark.parametrize("hidden", [0, 8])
def test_the_order_of_a_pair_says_nothing(batch, hidden):
    task = Link(4, hidden)
    turned = UnitBatch(batch.units, batch.layout, pairs=batch.pairs.flip(1), pair_labels=batch.pair_labels)
    torch.testing.assert_close(scores_of(task, batch), scores_of(task, turned))


def test_metrics_are_those_of_all_pairs(batch):
    task, encoder = Link(4, hits=3).eval(), Itself()
    for part in torch.arange(60).split(25):
        own = UnitBatch(batch.units, batch.layout, pairs=batch.pairs[part], pair_labels=batch.pair_labels[part])
        encoded = task.encode(encoder, own)
        task.update(task(encoded), encoded, own)
    scores, labels, found = scores_of(task, batch).detach(), batch.pair_labels, task.metrics.compute()
    assert float(found["roc_auc"]) == pytest.approx(roc_auc_score(labels, scores), abs=1e-5)
    assert float(found["average_precision"]) == pytest.approx(average_precision_score(labels, scores), abs=1e-5)
    third = sorted(scores[labels == 0].tolist())[-3]
    assert float(found["hits_at_3"]) == pytest.approx((scores[labels == 1] > third).float().mean().item())


def test_fewer_pairs_apart_than_hits(batch):
    task = Link(4, hits=100)
    encoded = task.encode(Itself(), batch)
    task.update(task(encoded), encoded, batch)
    assert task.metrics["hits_at_100"].compute() == 1


def test_a_network_and_its_encoder_learn(batch):
    torch.manual_seed(0)
    model = FineTune(Itself(), Link(4, hidden=16))
    optimizer, losses = torch.optim.Adam(model.parameters(), 0.03), []
    for _ in range(60):
        term = model.loss(batch)["task"]
        optimizer.zero_grad()
        (term.sum / term.count).backward()
        optimizer.step()
        losses.append(float(term.sum / term.count))
    assert losses[-1] < 0.4 * losses[0]
    assert model.encoder.factor.grad.abs().sum() > 0


def test_batches_without_pairs_are_named(batch):
    batch.pair_labels = None
    with pytest.raises(ValueError, match=r"Link learns from pair_labels of the batch.*pair_names"):
        FineTune(Itself(), Link(4)).loss(batch)
    with pytest.raises(ValueError, match="hits=0"):
        Link(4, hits=0)
