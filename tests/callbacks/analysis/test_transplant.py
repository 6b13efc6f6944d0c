"""A state brings along what stands in it, and not what is read from its context afterwards."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lit_pretrain.callbacks.analysis.transplant import Transplant, rolled
from lit_pretrain.types import Encoded, Encoder, Layout

ROWS, SYMBOLS = 8, 8


class Recall(nn.Module):
    """Writes the symbol of the unit before into the second half of each state."""

    def forward(self, x):
        return x + F.pad(x.roll(1, 0)[:, :SYMBOLS], (SYMBOLS, 0))


class Teller(Encoder):
    """States hold the present symbol and, after the second block, also the one before."""

    dim, num_layers = 16, 2

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Identity(), Recall()])
        self.out = nn.Linear(16, 16)

    def forward(self, inputs, *, keep=None, mask=None, layers=False):
        x = F.pad(F.one_hot(inputs.images.argmax(-1).flatten(), SYMBOLS).float(), (0, SYMBOLS))
        for block in self.blocks:
            x = block(x)
        layout = Layout((ROWS,) * len(inputs.images), x.device)
        units = self.out(x)
        return Encoded(units.unflatten(0, (-1, ROWS)).mean(1), units, layout, {"block01": x} if layers else {})


def plant(module):
    """Writes the last symbol, and the one before it."""
    module.encoder = Teller()

    def complete(batch, length):
        last = module.encoder(batch, layers=True).layers["block01"].unflatten(0, (-1, ROWS))[:, -1]
        return [*last.unflatten(1, (2, SYMBOLS)).argmax(-1)[:, :length]]

    object.__setattr__(module, "complete", complete)


@pytest.fixture
def cut(digits, monkeypatch):
    monkeypatch.setattr(type(digits), "unfinished", lambda self, batch: (batch, [""] * batch.num_examples))
    return digits


def test_what_stands_in_the_state_is_brought_along(tmp_path, fit, cut):
    analysis = Transplant(limit=120, ahead=2, on_error="raise")
    _, trainer, _ = fit(tmp_path, [analysis], data=cut, prepare=plant, max_steps=1)
    row = analysis.history[-1]
    assert row["ahead_1"]["block00"] == row["ahead_1"]["block01"] == 1, "the present symbol is in both"
    assert row["ahead_2"]["block01"] == 1 and row["ahead_2"]["block00"] == row["ahead_2"]["chance"] < 0.9
    assert float(trainer.callback_metrics["transplant/ahead_2/block01"]) == 1
    assert [path.name for path in sorted((tmp_path / "pictures").glob("*/*.png"))] == ["transplant.png"] * 2


def test_states_are_those_of_the_example_before():
    block, last = nn.Identity(), torch.tensor([1, 4])
    x = torch.arange(10.0).view(5, 2)
    with rolled(block, last):
        assert torch.equal(block(x), x[[0, 4, 2, 3, 1]])
        assert torch.equal(block(x[:2]), x[:2]), "one new unit of each"
        with pytest.raises(ValueError, match=r"Identity gives no units \(U, D\)"):
            block((x, x))
    assert torch.equal(block(x), x)


def test_what_cannot_be_measured_is_named(tmp_path, fit, digits):
    with pytest.raises(ValueError, match="Denoise completes nothing"):
        fit(tmp_path, [Transplant(on_error="raise")])
    with pytest.raises(ValueError, match="Digits can cut no two"):
        fit(tmp_path, [Transplant(on_error="raise")], prepare=plant)
    with pytest.raises(ValueError, match="limit=1"):
        Transplant(limit=1)


def test_weights_are_those_of_a_run_without(tmp_path, fit, cut):
    plain, _, _ = fit(tmp_path / "plain", [], data=cut, prepare=plant, max_steps=4)
    watched, _, _ = fit(tmp_path / "seen", [Transplant(every_n_steps=2, limit=40)], data=cut, prepare=plant, max_steps=4)
    for (name, a), b in zip(plain.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
