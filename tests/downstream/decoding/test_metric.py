"""The metric adds up over batches as the function does over all sequences."""

import pytest

from lit_pretrain.downstream.decoding.error_rate import error_rate
from lit_pretrain.downstream.decoding.metric import ErrorRate

HYPOTHESES = [(1, 2, 3), (), (4, 4), (2, 1)]
REFERENCES = [(1, 3), (5, 6, 7), (4, 4), (1, 2, 1, 1)]


def test_batches_add_up():
    metric = ErrorRate()
    for part in (slice(0, 1), slice(1, 4)):
        metric.update(HYPOTHESES[part], REFERENCES[part])
    assert float(metric.compute()) == pytest.approx(error_rate(HYPOTHESES, REFERENCES))
    metric.reset()
    metric.update(HYPOTHESES[2:3], REFERENCES[2:3])
    assert float(metric.compute()) == 0


def test_ranks_add_up():
    """What a reduction over ranks does: the states are joined, then the rate is taken."""
    first, second = ErrorRate(), ErrorRate()
    first.update(HYPOTHESES[:2], REFERENCES[:2])
    second.update(HYPOTHESES[2:], REFERENCES[2:])
    for name, reduce in first._reductions.items():
        setattr(first, name, reduce(getattr(first, name) + getattr(second, name)))
    assert float(first.compute()) == pytest.approx(error_rate(HYPOTHESES, REFERENCES))


def test_insertions_without_any_reference_are_counted():
    metric = ErrorRate()
    metric.update([(1, 2), ()], [(), ()])
    assert float(metric.compute()) == 2


def test_outcomes_are_those_of_each_example():
    metric = ErrorRate()
    metric.update(HYPOTHESES, REFERENCES)
    found = metric.outcomes()
    assert found.sums.tolist() == [[1], [3], [0], [2]] and found.counts.tolist() == [[2], [3], [2], [4]]
    assert float(found.metric()) == pytest.approx(float(metric.compute()))


def test_each_needs_its_reference():
    with pytest.raises(ValueError):
        ErrorRate().update([(1,)], [])
