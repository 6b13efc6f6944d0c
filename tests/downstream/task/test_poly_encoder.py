"""Scores are those of a loop over pairs; what one vector cannot hold is found."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.poly_encoder import PolyEncoder, ranks_by_poly_scores
from lit_pretrain.downstream.task.retrieve import Retrieve
from lit_pretrain.types import Encoded, Encoder, Layout, UnitBatch

DIM, CODES = 12, 5


class Sides(UnitBatch):
    """Two batches of units that were made apart."""

    sides: tuple[UnitBatch, UnitBatch]

    @property
    def counterparts(self) -> tuple[UnitBatch, UnitBatch]:
        return self.sides


def pair(queries: UnitBatch, answers: UnitBatch) -> Sides:
    batch = Sides(torch.cat([queries.units, answers.units]), Layout(queries.layout.lengths + answers.layout.lengths))
    batch.sides = queries, answers
    return batch


class Mean(Encoder):
    """A linear map of the units; pooled is their mean."""

    def __init__(self):
        super().__init__()
        self.dim, self.num_layers = DIM, 1
        self.blocks = nn.ModuleList([nn.Linear(DIM, DIM, bias=False)])
        nn.init.eye_(self.blocks[0].weight)

    def forward(self, inputs, *, keep=None, mask=None, layers=False) -> Encoded:
        encoded = Encoded(inputs.units[:0], self.blocks[0](inputs.units), inputs.layout)
        encoded.pooled = pooled(encoded)
        return encoded


def pooled(encoded: Encoded) -> torch.Tensor:
    return torch.stack([units.mean(0) for units in encoded.units.split(encoded.layout.lengths)])


def units(generator: torch.Generator, lengths: tuple[int, ...]) -> UnitBatch:
    return UnitBatch(torch.randn(sum(lengths), DIM, generator=generator), Layout(lengths))


def loop(codes: torch.Tensor, queries: list[torch.Tensor], answers: torch.Tensor) -> torch.Tensor:
    """Equations 1 to 4 of the paper, one pair at a time."""
    scores = torch.zeros(len(queries), len(answers))
    for i, hidden in enumerate(queries):
        vectors = torch.stack([(hidden @ code).softmax(0) @ hidden for code in codes])
        for k, answer in enumerate(answers):
            whole = (vectors @ answer).softmax(0) @ vectors
            scores[i, k] = whole @ answer
    return scores


@pytest.fixture
def batch() -> Sides:
    generator = torch.Generator().manual_seed(0)
    return pair(units(generator, (3, 1, 7, 2)), units(generator, (2, 2, 1, 5)))


def test_loss_metrics_and_predictions_are_those_of_a_loop(batch):
    torch.manual_seed(0)
    model = FineTune(Mean(), PolyEncoder(DIM, CODES, recall_at=(1, 2)))
    queries, answers = (model.encoder(side) for side in batch.sides)
    scores = loop(model.task.codes, queries.units.split(queries.layout.lengths), answers.pooled)
    term = model.loss(batch)["task"]
    torch.testing.assert_close(term.sum, F.cross_entropy(scores, torch.arange(4), reduction="sum"))
    assert term.count == 4
    model.eval().loss(batch)
    model.loss(batch)  # a second batch: each answer is there twice, and the right one counts as the last of the two
    twice = scores.repeat(1, 2)
    ranks = [sum(float(s) >= float(row[i]) for s in row) for i, row in enumerate(twice)]
    found = {name: float(value) for name, value in model.task.metrics.compute().items()}
    assert found["mrr"] == pytest.approx(sum(1 / r for r in ranks) / 4)
    assert found["recall_at_2"] == sum(r <= 2 for r in ranks) / 4
    assert float(model.task.outcomes().metric()) == pytest.approx(found["mrr"])
    vectors, own = model.task.decode(model.task(model.task.encode(model.encoder, batch)))
    assert vectors.shape == (4, CODES, DIM) and own.equal(answers.pooled)


def test_ranks_do_not_depend_on_the_chunk():
    generator = torch.Generator().manual_seed(0)
    queries, answers = torch.randn(9, CODES, DIM, generator=generator), torch.randn(9, DIM, generator=generator)
    assert ranks_by_poly_scores(queries, answers, chunk=2).equal(ranks_by_poly_scores(queries, answers, chunk=9))


def draw(seed: int, count: int = 48, length: int = 6) -> Sides:
    """What asks has six units; what answers is one of them, marked, with noise."""
    generator = torch.Generator().manual_seed(seed)
    asks = torch.randn(count, length, DIM, generator=generator)
    asks[..., 0] = -3.0
    marked = torch.arange(count), torch.randint(length, (count,), generator=generator)
    asks[*marked, 0] = 3.0
    answers = asks[marked] + 0.3 * torch.randn(count, DIM, generator=generator)
    return pair(UnitBatch(asks.flatten(0, 1), Layout((length,) * count)), UnitBatch(answers, Layout((1,) * count)))


def test_the_unit_that_matters_is_found_where_the_mean_of_all_is_not_enough():
    def learned(task: Retrieve) -> float:
        model = FineTune(Mean(), task)
        optimizer = torch.optim.Adam(model.parameters(), 0.05)
        for step in range(60):
            term = model.loss(draw(step))["task"]
            optimizer.zero_grad()
            (term.sum / term.count).backward()
            optimizer.step()
        model.eval().loss(draw(1000, 100))
        return float(task.metrics.compute()["mrr"])

    torch.manual_seed(0)
    assert learned(PolyEncoder(DIM, 2)) > 0.7 > 0.3 > learned(Retrieve(DIM))


def test_batches_without_a_pair_give_gradients_of_zero():
    model = FineTune(Mean(), PolyEncoder(DIM, CODES))
    some = units(torch.Generator().manual_seed(0), (2, 3))
    none = UnitBatch(some.units[:0], Layout(()))
    batch = Sides(some.units, some.layout)
    batch.sides = none, none
    term = model.loss(batch)["task"]
    term.sum.backward()
    assert term.sum == 0 and term.count == 0
    assert all(parameter.grad.abs().sum() == 0 for parameter in model.parameters())
    model.eval().loss(batch)
    with pytest.raises(ValueError, match="no example of the split has both sides"):
        model.task.metrics.compute()


def test_a_wrong_number_of_codes_is_named():
    with pytest.raises(ValueError, match="codes=0"):
        PolyEncoder(DIM, 0)
