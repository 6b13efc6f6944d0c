"""The interval is scipy's, and where nothing differs, nothing is found more often than promised."""

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap
from sklearn.metrics import root_mean_squared_error

from lit_pretrain.downstream.bootstrap import paired_bootstrap
from lit_pretrain.types import Outcomes


def right(shares: float | torch.Tensor, size: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return (torch.rand(size, generator=torch.Generator().manual_seed(seed)) < shares).double()


def of(hits: torch.Tensor) -> Outcomes:
    return Outcomes(hits[:, None], torch.ones_like(hits)[:, None])


def test_the_interval_is_that_of_scipy():
    first, second = right(0.75, (400,), 1), right(0.7, (400,), 2)
    found = paired_bootstrap(of(first), of(second), resamples=5000)
    theirs = bootstrap((first.numpy(), second.numpy()), lambda a, b, axis: a.mean(axis) - b.mean(axis), paired=True,
                       method="percentile", n_resamples=5000, rng=np.random.default_rng(0)).confidence_interval  # fmt: skip
    assert found.difference == pytest.approx(float(first.mean() - second.mean()))
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)
    assert found == paired_bootstrap(of(first), of(second), resamples=5000)


def test_a_true_null_is_refused_as_often_as_promised():
    easy = torch.rand(300, generator=torch.Generator().manual_seed(0))  # of some examples both are right, so it is paired
    first, second = right(easy, (300, 300), 1), right(easy, (300, 300), 2)
    p = torch.tensor([paired_bootstrap(of(a), of(b), resamples=200).p for a, b in zip(first, second, strict=True)])
    assert 0.01 < float((p < 0.05).double().mean()) < 0.09  # 0.05 ± 3 standard errors
    assert 0.4 < float(p.mean()) < 0.6


def test_what_is_equal_has_p_1_and_what_is_sure_has_the_least_p():
    hits = right(0.5, (50,))
    assert paired_bootstrap(of(hits), of(hits)) == (0.0, 0.0, 0.0, 1.0)
    better = paired_bootstrap(of(torch.ones(50).double()), of(torch.zeros(50).double()), resamples=99)
    assert better.p == pytest.approx(2 / 100) and better.low == better.high == 1


def test_metrics_are_ratios_of_sums_and_roots_of_them():
    torch.manual_seed(0)
    labels, said = torch.randn(30, 2).double(), torch.randn(30, 2).double()
    labels[::3, 0] = torch.nan
    known = ~labels.isnan()
    errors = Outcomes((labels - said).square().nan_to_num(), known, power=0.5).cpu()
    expected = np.mean([root_mean_squared_error(labels[known[:, t], t], said[known[:, t], t]) for t in (0, 1)])
    assert float(errors.metric()) == pytest.approx(expected)
    never = Outcomes(torch.zeros(4, 2), torch.tensor([[1.0, 0.0]] * 4)).cpu()  # nothing counts in the second column
    assert float(never.metric()) == 0
    twice = Outcomes.pooled([of(torch.tensor([1.0, 0.0])), of(torch.tensor([1.0, 1.0]))])
    assert twice.sums.tolist() == [[1.0], [0.5]]


def test_other_examples_are_refused():
    ones = torch.ones(4, dtype=torch.int64)
    for other in (Outcomes.of_classes(ones[:3], ones[:3]), Outcomes.of_classes(ones, ones * 2)):
        with pytest.raises(ValueError, match="not of the same examples"):
            paired_bootstrap(Outcomes.of_classes(ones, ones), other)
