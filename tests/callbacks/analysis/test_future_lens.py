"""A model that was built to know what comes two places on does so in the layer where it was planted."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from lit_pretrain.callbacks.analysis.future_lens import FutureLens
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.types import Encoded, Encoder, ImageBatch, Layout

ROWS, SYMBOLS = 8, 8


class Symbols(DataModule):
    """Images of 8 rows, each one symbol of 8, drawn at random."""

    def loader(self, split, *, shuffle, labelled=False, limit=None, seed=0):
        def collate(numbers):
            draw = torch.Generator().manual_seed(sum(numbers) + len(split))
            symbols = torch.randint(SYMBOLS, (len(numbers), ROWS), generator=draw)
            return ImageBatch(F.one_hot(symbols, SYMBOLS).float()[:, None])

        return ResumableLoader(range(300), lambda _: torch.arange(300)[:limit].split(50), collate)


class Seer(Encoder):
    """Layer 0 holds the symbol, layer 1 also the one two places on."""

    dim, num_layers = 16, 1

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(8, 16)])

    def forward(self, inputs, *, keep=None, mask=None, layers=False):
        x = inputs.images.reshape(-1, SYMBOLS)
        named = {"embedding": torch.cat([x, 0 * x], 1), "block00": torch.cat([x, x.roll(-2, 0)], 1)}
        units = self.blocks[0](x)
        layout = Layout((ROWS,) * len(inputs.images), x.device)
        return Encoded(units.unflatten(0, (-1, ROWS)).mean(1), units, layout, named if layers else {})


def plant(module):
    module.encoder = Seer()


@pytest.fixture
def symbols(monkeypatch):
    monkeypatch.setattr(ImageBatch, "symbols", property(lambda batch: batch.images.argmax(-1).flatten()))


def test_planted_foresight_is_found(tmp_path, fit, symbols):
    lens = FutureLens(Symbols(), limit=300, units=8, ahead=3, on_error="raise")
    _, trainer, _ = fit(tmp_path, [lens], prepare=plant, max_steps=1)
    row = lens.history[-1]
    assert row["ahead_2"]["block00"] == 1 and row["ahead_2"]["embedding"] < 0.2
    assert max(row["ahead_1"].values()) < 0.2 and max(row["ahead_3"].values()) < 0.2
    assert row["ahead_2"]["bigram"] < 0.2
    assert lens.protocol()["train_places"] == 300 * (ROWS - 3), "where three symbols are still to come"
    assert float(trainer.callback_metrics["future_lens/ahead_2/block00"]) == 1
    assert np.ptp(np.asarray(Image.open(tmp_path / "pictures/step-0000001/future_lens.png"))[..., 3]) > 0


def test_weights_are_those_of_a_run_without(tmp_path, fit, symbols):
    plain, _, _ = fit(tmp_path / "plain", [], prepare=plant, max_steps=4)
    lens = FutureLens(Symbols(), every_n_steps=2, limit=50, ahead=1, on_error="raise")
    watched, _, _ = fit(tmp_path / "watched", [lens], prepare=plant, max_steps=4)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert [row["step"] for row in lens.history] == [0, 2, 4]


def test_what_cannot_be_told_is_named(tmp_path, fit, symbols, monkeypatch):
    with pytest.raises(ValueError, match="longer than ahead=8"):
        fit(tmp_path, [FutureLens(Symbols(), ahead=8, on_error="raise")], prepare=plant)
    monkeypatch.setattr(ImageBatch, "symbols", None)
    with pytest.raises(ValueError, match="units of Digits are no symbols"):
        fit(tmp_path, [FutureLens(on_error="raise")])
    with pytest.raises(ValueError, match="ahead=0"):
        FutureLens(ahead=0)
