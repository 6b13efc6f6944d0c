"""What belongs together is found, and metrics are those of a loop over the whole split."""

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lit_pretrain.downstream.cell import Subject
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.task.retrieve import Retrieve
from lit_pretrain.downstream.tune import Budget
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.downstream.tuning.zero_shot import ZeroShot
from lit_pretrain.losses.info_nce import info_nce
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.part import class_path, trust
from lit_pretrain.types import Encoded, Encoder, Layout, UnitBatch

trust([__name__])
DIM = 8


@dataclass
class Pairs(UnitBatch):
    """A pair is two units; `whole` examples have one unit, and no counterpart."""

    whole: bool = False

    @property
    def counterparts(self):
        rows = self.units.unflatten(0, (-1, 2))[: 0 if self.whole else None]
        return tuple(Pairs(rows[:, i], Layout((1,) * len(rows))) for i in range(2))


class Map(Encoder):
    """A linear map of the units."""

    def __init__(self, dim: int = DIM):
        super().__init__()
        self.dim, self.num_layers = dim, 1
        self.blocks = nn.ModuleList([nn.Linear(dim, dim, bias=False)])

    def forward(self, inputs, *, keep=None, mask=None, layers=False) -> Encoded:
        units = self.blocks[0](inputs.units)
        return Encoded(units, units, inputs.layout)


def draw(count: int, seed: int = 0) -> Pairs:
    """The first half of the numbers is shared by a pair; the other, larger, is noise."""
    generator = torch.Generator().manual_seed(seed)
    units = 4 * torch.randn(2 * count, DIM, generator=generator)
    units[:, : DIM // 2] = torch.randn(count, DIM // 2, generator=generator).repeat_interleave(2, 0)
    return Pairs(units, Layout((2,) * count))


def measure(task: Retrieve, encoder: Encoder, *batches: Pairs) -> dict[str, float]:
    for batch in batches:
        encoded = task.encode(encoder, batch)
        task.update(task(encoded), encoded, batch)
    found = {name: float(value) for name, value in task.metrics.compute().items()}
    task.metrics.reset()
    return found


@pytest.mark.parametrize("centre", [False, True])
def test_metrics_are_those_of_a_loop_over_all_batches(centre):
    task, encoder, batches = Retrieve(DIM, recall_at=(1, 3), centre=centre), Map(), [draw(30), draw(11, 1)]
    found = measure(task, encoder, *batches)
    vectors = encoder(Pairs(torch.cat([b.units for b in batches]), Layout((82,)))).units.detach().unflatten(0, (-1, 2))
    vectors = vectors - vectors.mean(0) if centre else vectors
    cosines = F.cosine_similarity(vectors[:, None, 0], vectors[None, :, 1], dim=2)  # (41, 41)
    ranks = [1 + sum(float(c) > float(row[i]) for c in row) for i, row in enumerate(cosines)]
    assert found["mrr"] == pytest.approx(sum(1 / r for r in ranks) / 41)
    for k in (1, 3):
        assert found[f"recall_at_{k}"] == pytest.approx(sum(r <= k for r in ranks) / 41)
    assert list(found) == ["mrr", "recall_at_1", "recall_at_3"] and 0 < found["mrr"] < 1


def test_planted_pairs_are_found_after_training():
    torch.manual_seed(0)
    model, test = FineTune(Map(), Retrieve(DIM)), draw(200, seed=1)
    before = measure(model.task, model.encoder, test)["mrr"]
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for step in range(80):
        term = model.loss(draw(64, seed=2 + step))["task"]
        optimizer.zero_grad()
        (term.sum / term.count).backward()
        optimizer.step()
    assert measure(model.task, model.encoder, test)["mrr"] > 0.9 > 0.3 > before


def test_the_loss_is_info_nce_a_pair():
    task, encoder, batch = Retrieve(DIM, projection=3, temperature=0.2), Map(), draw(6)
    term = task.loss(task(task.encode(encoder, batch)), batch)
    queries, answers = (task.linear(encoder(side).pooled) for side in batch.counterparts)
    torch.testing.assert_close(term.sum / term.count, info_nce(queries, answers, 0.2))
    assert term.count == 6 and queries.shape == (6, 3)
    batch.index = torch.arange(6)
    found = FineTune(encoder, task).predict_step(batch, 0)
    torch.testing.assert_close(found["predictions"], (queries, answers))


def test_batches_without_a_pair_give_gradients_of_zero_and_no_metrics():
    model = FineTune(Map(), Retrieve(DIM))
    batch = Pairs(torch.randn(4, DIM), Layout((1,) * 4), whole=True)
    term = model.loss(batch)["task"]
    term.sum.backward()
    assert term.count == 0 and term.sum == 0 and model.encoder.blocks[0].weight.grad.abs().sum() == 0
    model.eval().loss(batch)
    with pytest.raises(ValueError, match="no example of the split has both sides"):
        model.task.metrics.compute()
    model.loss(draw(3))
    assert model.task.metrics.compute()["recall_at_10"] == 1


def test_what_is_missing_or_wrong_is_named(digits, encoder):
    batch = UnitBatch(torch.randn(4, DIM), Layout((1,) * 4))
    with pytest.raises(ValueError, match=r"Retrieve learns from counterparts of the batch.*side_names"):
        FineTune(Map(), Retrieve(DIM)).loss(batch)
    with pytest.raises(ValueError, match="side_names of the data are empty"):
        Retrieve.of(encoder, digits)
    with pytest.raises(ValueError, match="temperature=0"):
        Retrieve(DIM, temperature=0)
    with pytest.raises(ValueError, match="ZeroShot trains nothing"):
        ZeroShot().recipe(AdamW())


class TwoSided:
    """Digits beside themselves, one turned upside down and noisy."""

    @staticmethod
    def of(digits):
        @property
        def counterparts(self):
            generator = torch.Generator().manual_seed(0)
            noise = torch.randn(self.images.shape, generator=generator)
            return self, type(self)(self.images.flip(2) + 0.05 * noise)

        made = digits.collate

        def collate(samples):
            batch = made(samples)
            batch.__class__ = type("TwoSidedBatch", (type(batch),), {"counterparts": counterparts})
            return batch

        digits.collate, digits.side_names = collate, ("digit", "turned")
        return digits


def test_the_table_has_the_encoder_as_it_is_beside_the_fine_tuned_one(digits, encoder, tmp_path):
    budget = Budget(learning_rates=(1e-2,), epochs=1, max_steps=20)
    protocol = Protocol(seeds=(0,), probes=(), tunings=(ZeroShot(), Full()), budget=budget, task=class_path(Retrieve))
    rows = protocol.evaluate([Subject("digits", encoder, TwoSided.of(digits))], tmp_path)
    found = {row["row"]: row["mean"] for row in rows if row["metric"] == "mrr"}
    assert list(found) == ["random init, zero-shot", "pretrained, zero-shot", "from scratch", "fine-tuned"]
    assert 2 * found["pretrained, zero-shot"] < found["fine-tuned"] and found["random init, zero-shot"] < 0.2
    assert "mrr (%)" in (tmp_path / "table.md").read_text()
    weighty = Protocol(seeds=(0,), probes=(), tunings=(ZeroShot(),), budget=budget, task=class_path(Classify))
    with pytest.raises(ValueError, match="Classify has weights"):
        weighty.run([Subject("digits", encoder, digits)], tmp_path)
