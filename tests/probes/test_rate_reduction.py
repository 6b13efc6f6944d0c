"""The rate is that of a log determinant, and on digits the clusters are better than those that they start from."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from lit_pretrain.part import build, spec
from lit_pretrain.probes.cluster import ClusterProbe
from lit_pretrain.probes.rate_reduction import RateReductionProbe


@pytest.fixture(scope="module")
def digits() -> tuple:
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
    return (x[:900], y[:900]), (x[900:], y[900:])


def test_clusters_are_better_than_those_of_k_means(digits):
    train, test = digits
    start = dict(ClusterProbe(normalise=True).fit(*train).score(*test))
    found = dict(RateReductionProbe(normalise=True, steps=100).fit(*train).score(*test))
    assert found["accuracy"] > start["accuracy"] + 0.02 and found["nmi"] > start["nmi"] + 0.02


def test_what_clustering_saves_is_that_of_the_paper():
    probe = RateReductionProbe(dim=4, precision=0.3)
    draw = torch.Generator().manual_seed(0)
    z = torch.nn.functional.normalize(torch.randn(30, 4, generator=draw, dtype=torch.float64), dim=1)
    shares = torch.randn(30, 3, generator=draw, dtype=torch.float64).softmax(1)

    def rate(weights: np.ndarray) -> float:
        moment = z.numpy().T @ np.diag(weights) @ z.numpy() / weights.sum()
        return 0.5 * np.log(np.linalg.det(np.eye(4) + 4 / 0.3 * moment))

    parts = sum(shares[:, k].sum() / 30 * rate(shares[:, k].numpy()) for k in range(3))
    assert float(probe._saved(z, shares)) == pytest.approx(rate(np.ones(30)) - float(parts), rel=1e-9)
    assert float(probe._saved(z, torch.full((30, 3), 1 / 3, dtype=torch.float64))) == pytest.approx(0, abs=1e-9)


def test_it_repeats_draws_from_no_shared_generator_and_runs_in_inference_mode(digits):
    train, test = digits
    state = torch.get_rng_state()
    probe = RateReductionProbe(steps=2, hidden=8)
    first = dict(probe.fit(*train).score(*test))
    with torch.inference_mode():
        again = dict(build(spec(probe)).fit(train[0] * 1, train[1] * 1).score(*test))
    assert first == again and torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match=r"precision=0\.0"):
        RateReductionProbe(precision=0.0)
