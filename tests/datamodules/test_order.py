"""The order of an epoch."""

import numpy as np
import pytest

from lit_pretrain.datamodules.order import WINDOW, plan


@pytest.mark.parametrize("unit", [0.01, 1.0, 300.0])
def test_the_order_of_an_epoch_does_not_depend_on_the_unit_of_length(unit):
    lengths = np.random.default_rng(0).uniform(0.5, 1.5, 4000)
    options = {"shuffle": True, "bucket": True, "seed": 0, "epoch": 0}
    assert plan(unit * lengths, unit * 8.0, **options) == plan(lengths, 8.0, **options)


def test_buckets_are_sorted_within_windows_of_the_order():
    lengths = np.random.default_rng(0).uniform(0.01, 0.03, 3000)
    batches = plan(lengths, 0.1, shuffle=True, bucket=True, seed=0, epoch=0)
    assert sorted(i for batch in batches for i in batch) == list(range(3000))
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches])
    # Of WINDOW batches sorted together, each holds about the WINDOW-th part of the lengths there are.
    assert spread < 2 * np.ptp(lengths) / WINDOW


@pytest.mark.parametrize("lengths", [[], [0.0, 0.0, 0.0], [5.0]])
def test_lengths_that_leave_nothing_to_bucket(lengths):
    batches = plan(np.array(lengths), 1.0, shuffle=True, bucket=True, seed=0, epoch=0)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
