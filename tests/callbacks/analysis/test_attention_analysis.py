"""Heads that were built for one thing are found, and the run is that of a run without the analysis."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from lit_pretrain.callbacks.analysis.attention_analysis import AttentionAnalysis
from lit_pretrain.types import Encoded, Encoder, ImageBatch, Layout

UNITS = 8


class Heads(nn.Module):
    """Attention whose heads have keys of their place and queries of where they look."""

    def __init__(self, looks: tuple[str, ...]):
        super().__init__()
        self.looks, self.change = looks, nn.Linear(UNITS, UNITS)

    def forward(self, x):  # (B, L, L)
        place = torch.eye(UNITS).expand_as(x)
        towards = {"itself": place, "before": place.roll(-1, -1), "after": place.roll(1, -1), "everywhere": 0 * place,
                   "last": F.one_hot(torch.tensor(UNITS - 1), UNITS).expand_as(x)}  # fmt: skip
        queries = 60 * torch.stack([towards[name] for name in self.looks], 1)
        keys = place[:, None].expand_as(queries)
        return x + 0 * F.scaled_dot_product_attention(queries.float(), keys, keys).mean(1) + self.change(x)


class Planted(Encoder):
    dim, num_layers = 8, 2

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Heads(("after", "everywhere")), Heads(("last", "before")), Heads(("itself", "after"))])

    def forward(self, inputs, *, keep=None, mask=None, layers=False):
        x = inputs.images[:, 0]
        for block in self.blocks:
            x = block(x)
        return Encoded(x.mean(1), x.flatten(0, 1), Layout((UNITS,) * len(x)))


@pytest.fixture
def plant(monkeypatch):
    """The last row of an image is a delimiter."""
    monkeypatch.setattr(
        ImageBatch, "delimiters", property(lambda b: torch.arange(len(b.images) * UNITS) % UNITS == UNITS - 1)
    )

    def prepare(module):
        module.encoder, module.decoder = Planted(), nn.Linear(8, 8)

    return prepare


def test_planted_heads_are_found(tmp_path, fit, plant):
    analysis = AttentionAnalysis(limit=50, on_error="raise", name="heads")
    _, trainer, _ = fit(tmp_path, [analysis], prepare=plant, max_steps=1)
    row = {what: torch.tensor(values) for what, values in analysis.history[-1].items() if isinstance(values, list)}

    def heads(what: str) -> list[list[int]]:
        return (row[what] > 0.99).nonzero().tolist()

    assert heads("to_next") == [[0, 0], [2, 1]] and heads("to_previous") == [[1, 1]]
    assert heads("to_self") == [[2, 0]] and heads("to_delimiters") == [[1, 0]]
    assert float(row["entropy"].max()) == pytest.approx(np.log(UNITS), rel=1e-4) and row["entropy"].argmax() == 1
    assert row["to_delimiters"][0, 1] == pytest.approx(1 / UNITS)
    metrics = trainer.callback_metrics
    assert metrics["heads/to_self/best"] > 0.99 and float(metrics["heads/to_self/block02"]) == pytest.approx(0.5, abs=0.1)
    assert analysis.protocol()["examples"] == 50 and analysis.protocol()["longest"] == UNITS
    assert np.ptp(np.asarray(Image.open(tmp_path / "pictures/step-0000001/heads.png"))[..., 3]) > 0


def test_weights_are_those_of_a_run_without(tmp_path, fit, plant):
    plain, _, _ = fit(tmp_path / "plain", [], prepare=plant, max_steps=4)
    analysis = AttentionAnalysis(every_n_steps=2, limit=25, on_error="raise")
    watched, _, _ = fit(tmp_path / "watched", [analysis], prepare=plant, max_steps=4)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert [row["step"] for row in analysis.history] == [0, 2, 4]


def test_encoders_without_attention_are_named(tmp_path, fit):
    with pytest.raises(ValueError, match="this block computes no scaled_dot_product_attention"):
        fit(tmp_path, [AttentionAnalysis(on_error="raise")])
    with pytest.raises(ValueError, match="limit=0"):
        AttentionAnalysis(limit=0)
