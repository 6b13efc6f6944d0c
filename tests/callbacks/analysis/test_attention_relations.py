"""Heads that were built to follow a relation are found, and the run is that of a run without the analysis."""

import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lit_pretrain.callbacks.analysis.attention_relations import AttentionRelations
from lit_pretrain.callbacks.summary import Summary
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.probes.attention_probe import AttentionProbe
from lit_pretrain.types import Encoded, Encoder, ImageBatch, Layout, Relations

UNITS = 8


class Related(DataModule):
    """Images of 8 rows: each row says in its pixels which other row it belongs to, at any distance; and a twin beside it."""

    def __init__(self, known: bool = True):
        super().__init__()
        self.known = known

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0):
        def collate(numbers):
            draw = torch.Generator().manual_seed(int(sum(numbers)))
            partner = torch.stack([torch.randperm(UNITS, generator=draw) for _ in numbers])
            return ImageBatch(F.one_hot(partner, UNITS).float()[:, None], index=torch.tensor(numbers))

        return ResumableLoader(range(100), lambda _: torch.arange(100)[:limit].split(25), collate)

    def relations(self, batch):
        if not self.known:
            return None
        partner = batch.images[:, 0].argmax(-1)  # (B, 8)
        row = torch.arange(UNITS)
        start = torch.arange(len(partner))[:, None] * UNITS
        apart = torch.stack(torch.broadcast_tensors(start + row, start + row + 1, start + partner, start + partner + 1), -1)
        beside = torch.stack([start + row[:-1], start + row[1:], start + row[1:], start + row[1:] + 1], -1)
        among = torch.ones(partner.numel(), dtype=torch.bool)
        return Relations(among, {"apart": apart[partner != row], "beside": beside.flatten(0, 1), "rare": apart[0, :2]})


class Head(nn.Module):
    """Attention of two heads; a head has keys of its place and queries of what it should look at."""

    def __init__(self, heads: tuple[str, str]):
        super().__init__()
        self.heads = heads
        self.noise = nn.Linear(UNITS, UNITS)

    def forward(self, x):  # (B, L, L)
        place = torch.eye(UNITS).expand_as(x)
        wanted = {"noise": self.noise(torch.randn_like(x)), "apart": 20 * x, "next": 20 * place.roll(-1, 1)}
        queries = torch.stack([wanted[name] for name in self.heads], 1)  # (B, H, L, L)
        keys = place[:, None].expand_as(queries)
        return F.scaled_dot_product_attention(queries, keys, keys).mean(1) * 0 + x + self.noise(x) * 0


class Planted(Encoder):
    """Two blocks: noise and the next unit; noise and the unit that belongs to it."""

    dim, num_layers = 16, 2

    def __init__(self, layers=(("noise", "next"), ("noise", "apart"))):
        super().__init__()
        self.blocks = nn.ModuleList(map(Head, layers))
        self.out = nn.Linear(UNITS, 16)

    def forward(self, inputs, *, keep=None, mask=None, layers=False):
        x = inputs.images.clamp(0, 1)[:, 0]
        for block in self.blocks:
            x = block(x)
        units = self.out(x.flatten(0, 1))
        return Encoded(units.unflatten(0, x.shape[:2]).mean(1), units, Layout((UNITS,) * len(x)))


def plant(module):
    module.encoder = Planted()


def test_planted_heads_are_found(tmp_path, fit):
    analysis = AttentionRelations(Related(), limit=50, on_error="raise", name="heads")
    _, trainer, _ = fit(tmp_path, [analysis, Summary()], prepare=plant, max_steps=1)
    row = analysis.history[-1]
    assert set(row) == {"step", "epoch", "seconds", "apart", "beside"}, "two pairs are too few"
    apart, beside = row["apart"], row["beside"]
    assert (apart["best"], apart["layer"], apart["head"]) == (1, 1, 1) and apart["offsets"] < 0.3
    assert (beside["best"], beside["layer"], beside["head"]) == (1, 0, 1)
    assert beside["offsets"] == 1 and beside["best_offsets"] == [1] and beside["pairs"] == 50 * 7
    others = [apart["heads"][layer][head] for layer, head in ((0, 0), (0, 1), (1, 0))]
    assert max(others) < 0.4 and torch.tensor(apart["heads"]).shape == (2, 2)
    assert "keywords" not in apart, "images have no symbols"
    metrics = trainer.callback_metrics
    assert metrics["heads/apart"] == 1 and metrics["heads/beside/offsets"] == 1 and metrics["heads/mean"] == 1
    assert [path.name for path in sorted((tmp_path / "pictures").glob("*/*.png"))] == ["heads.png"] * 2
    kept = json.loads((tmp_path / "summary.json").read_text())["heads"]
    assert kept["protocol"]["pairs"]["beside"] == 350 and kept["history"][-1]["apart"]["best"] == 1


def test_backward_and_more_units_that_count(tmp_path, fit):
    analysis = AttentionRelations(Related(), limit=50, backward=True, k=7, on_error="raise")
    fit(tmp_path, [analysis], prepare=plant, max_steps=1)
    assert analysis.name == "attention_relations" and analysis.history[0]["apart"]["best"] == 1, "all others are looked at"
    one = AttentionRelations(Related(), limit=50, backward=True, on_error="raise")
    fit(tmp_path, [one], prepare=plant, max_steps=1)
    assert one.history[0]["beside"]["heads"][0][1] < 0.2 and one.history[0]["beside"]["best_offsets"] == [-1]


def test_all_heads_together(tmp_path, fit):
    analysis = AttentionRelations(Related(), limit=50, on_error="raise", probe=AttentionProbe(), pairs=100)
    _, trainer, _ = fit(tmp_path, [analysis], prepare=plant, max_steps=1)
    assert analysis.history[-1]["apart"]["all_heads"] == 1 == analysis.history[-1]["beside"]["all_heads"]
    assert trainer.callback_metrics["attention_relations/apart/all_heads"] == 1


def test_weights_are_those_of_a_run_without(tmp_path, fit):
    plain, _, _ = fit(tmp_path / "plain", [], prepare=plant)
    analysis = AttentionRelations(Related(), every_n_steps=4, limit=25, on_error="raise")
    watched, _, _ = fit(tmp_path / "watched", [analysis], prepare=plant)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert [row["step"] for row in analysis.history] == [0, 4, 8]


def test_what_cannot_be_measured_is_named(tmp_path, fit):
    with pytest.raises(ValueError, match="knows of no relation"):
        fit(tmp_path, [AttentionRelations(Related(known=False), on_error="raise")], prepare=plant)
    with pytest.raises(ValueError, match="this block computes no scaled_dot_product_attention"):
        fit(tmp_path, [AttentionRelations(Related(), on_error="raise")])
    with pytest.raises(ValueError, match="k=0"):
        AttentionRelations(k=0)
