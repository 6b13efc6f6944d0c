"""The order of an epoch."""

from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lit_pretrain.datamodules.order import WINDOW, balanced, evenly, plan

BATCHES = st.lists(st.integers(1, 5), max_size=20).map(
    lambda sizes: [list(range(sum(sizes[:i]), sum(sizes[: i + 1]))) for i in range(len(sizes))]
)


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


@given(
    lengths=st.lists(st.integers(0, 40), max_size=60),
    budget=st.integers(1, 60),
    shuffle=st.booleans(),
    bucket=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
    epoch=st.integers(0, 1000),
)
def test_a_plan_holds_each_example_once_and_keeps_the_budget(lengths, budget, shuffle, bucket, seed, epoch):
    options = {"shuffle": shuffle, "bucket": bucket, "seed": seed, "epoch": epoch}
    lengths = np.array(lengths, np.int64)
    batches = plan(lengths, budget, **options)
    assert sorted(chain.from_iterable(batches)) == list(range(len(lengths)))
    assert all(len(batch) == 1 or lengths[batch].sum() <= budget for batch in batches) and all(batches)
    assert plan(lengths, budget, **options) == batches
    if not (shuffle and bucket):  # else batches are shuffled once more
        for batch, following in pairwise(batches):
            assert lengths[batch].sum() + lengths[following[0]] > budget, "the next example would have fitted"
    if not shuffle:
        assert list(chain.from_iterable(batches)) == list(range(len(lengths)))


@given(batches=BATCHES, ranks=st.integers(1, 9))
def test_ranks_get_equally_many_batches_and_nearly_all_examples(batches, ranks):
    shared = evenly(batches, ranks)
    assert len(shared) % ranks == 0 and all(shared)
    found, every = list(chain.from_iterable(shared)), list(chain.from_iterable(batches))
    assert found == every[: len(found)] and len(every) - len(found) < ranks


@given(st.lists(st.integers(-1, 3), max_size=40), st.integers(1, 50), st.integers(0, 1000))
def test_a_balanced_choice_takes_from_each_class_what_it_has(labels, limit, seed):
    labels = np.array(labels, np.int64)
    chosen = balanced(labels, limit, seed)
    assert len(set(chosen.tolist())) == len(chosen) == min(limit, len(labels)) and (np.diff(chosen) > 0).all()
    taken = {label: (labels[chosen] == label).sum() for label in set(labels.tolist())}
    least = min((n for label, n in taken.items() if n < (labels == label).sum()), default=len(labels))
    assert all(n <= least + 1 for n in taken.values()), "a class gave two more than one that had some left"
