"""Pairs are ranked by the encoder's vectors as they are."""

import pytest
import torch

from lit_pretrain.callbacks.pair_retrieval import PairRetrieval
from lit_pretrain.probes.ranking import ranks_of_own
from lit_pretrain.types import ImageBatch


@pytest.fixture
def sided(monkeypatch):
    """A digit asks for its negative; those with odd numbers have none."""

    def counterparts(self):
        images = self.images[self.index % 2 == 0]
        return ImageBatch(images), ImageBatch(1 - images)

    monkeypatch.setattr(ImageBatch, "counterparts", property(counterparts))


@pytest.mark.parametrize("centre", [False, True])
def test_scores_are_those_of_all_pairs(tmp_path, fit, sided, centre):
    probe = PairRetrieval(limit=100, every_n_steps=4, centre=centre, recall_at=(1, 5), on_error="raise")
    module, trainer, data = fit(tmp_path, [probe])
    assert [row["step"] for row in probe.history] == [0, 4, 8] and probe.protocol()["pairs"] == 50
    module.eval()
    with torch.no_grad():
        batches = [b.counterparts for b in data.loader("validation", shuffle=False, limit=100)]
        sides = [torch.cat([module.encoder(side).pooled for side in sides]) for sides in zip(*batches, strict=True)]
    sides = [x - x.mean(0) if centre else x for x in sides]
    ranks = ranks_of_own(*sides).double()
    row = probe.history[-1]
    assert row["mrr"] == pytest.approx(float((1 / ranks).mean())) and 0 < row["mrr"] < 1
    assert row["recall_at_5"] == float((ranks <= 5).double().mean()) >= row["recall_at_1"]
    assert float(trainer.callback_metrics["pair_retrieval/mrr"]) == pytest.approx(row["mrr"])


def test_examples_with_one_side_are_named(tmp_path, fit):
    with pytest.raises(ValueError, match=r"none of 10 examples of Digits has two sides \(see side_names\)"):
        fit(tmp_path, [PairRetrieval(limit=10, on_error="raise")])
    with pytest.raises(ValueError, match="limit=0"):
        PairRetrieval(limit=0)
