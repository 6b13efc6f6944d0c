"""Schedules at their published points."""

from itertools import pairwise

import pytest

from lit_pretrain.optim.schedule import Constant, Cosine, InverseSquareRoot, Linear, WarmupStableDecay


@pytest.mark.parametrize("schedule", [Constant, Cosine, Linear, WarmupStableDecay])
def test_warm_up_rises_in_a_straight_line(schedule):
    factors = [schedule(warmup=10).factor(step, 100) for step in range(11)]
    rises = [b - a for a, b in pairwise(factors)]
    assert factors[0] > 0 and max(rises) - min(rises) < 1e-9 and factors[10] == 1


@pytest.mark.parametrize(
    "schedule, middle, end",
    [
        (Constant(10), 1, 1),
        (Cosine(10, final=0.1), 0.55, 0.1),
        (Linear(10), 0.5, 0),
        (WarmupStableDecay(10, decay=0.5), 0.9, 0),
    ],
)
def test_shapes(schedule, middle, end):
    assert schedule.factor(55, 100) == pytest.approx(middle)
    assert schedule.factor(100, 100) == pytest.approx(end)


def test_inverse_square_root():
    schedule = InverseSquareRoot(warmup=100)
    assert schedule.factor(400, 1000) == pytest.approx(0.5)


def test_a_share_of_the_steps_may_be_given():
    assert Linear(0.5).factor(499, 1000) == pytest.approx(500 / 501)
    with pytest.raises(ValueError, match="warmup=-1"):
        Linear(-1)
