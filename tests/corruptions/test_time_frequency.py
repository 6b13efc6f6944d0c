"""Whole rows and columns of a grid are hidden, equally many in every example."""

import pytest
import torch

from lit_pretrain.corruptions.time_frequency import TimeFrequency
from lit_pretrain.types import Layout

GRID, EXAMPLES = (10, 4), 50


def hidden(masking: TimeFrequency, leading: int = 0) -> torch.Tensor:
    layout = Layout((40 + leading,) * EXAMPLES, grid=GRID, leading=leading)
    return masking(layout, torch.Generator().manual_seed(0)).view(EXAMPLES, -1)


@pytest.mark.parametrize(("time", "frequency", "rows", "columns"), [(0.3, 0.5, 3, 2), (0.0, 0.3, 0, 1), (0.6, 0.0, 6, 0)])
def test_whole_rows_and_columns(time, frequency, rows, columns):
    found = hidden(TimeFrequency(time, frequency)).view(EXAMPLES, *GRID)
    steps, bands = found.all(2), found.all(1)
    assert torch.equal(found, steps[:, :, None] | bands[:, None]), "nothing but whole rows and columns"
    assert (steps.sum(1) == rows).all() and (bands.sum(1) == columns).all()
    assert len(found.unique(dim=0)) > 3, "examples differ"
    assert not rows or (steps.float().mean(0) - rows / 10).abs().max() < 0.25


def test_leading_units_stay():
    found = hidden(TimeFrequency(0.3, 0.5), leading=2)
    assert not found[:, :2].any() and torch.equal(found[:, 2:], hidden(TimeFrequency(0.3, 0.5)))


def test_one_of_each_stays():
    assert (hidden(TimeFrequency(0.99, 0.99)).sum(1) == 39).all()


def test_mistakes():
    with pytest.raises(ValueError, match=r"time=0\.0, frequency=0\.0"):
        TimeFrequency(0.0, 0.0)
    with pytest.raises(ValueError, match="grid of 10 x 4"):
        hidden(TimeFrequency(0.01, 0.05))
    with pytest.raises(ValueError, match="need units on a grid"):
        TimeFrequency()(Layout((4, 4)), torch.Generator())
