"""Canonical correlations know no axes, and the projection-weighted mean is the paper's."""

import numpy as np
import pytest
import torch
from sklearn.cross_decomposition import CCA

from lit_pretrain.probes.cca import cca, pwcca


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def related() -> tuple[torch.Tensor, torch.Tensor]:
    """(500, 6) and (500, 4) that share some directions more than others."""
    x = normal(500, 6) @ normal(6, 6, seed=1)
    return x, x @ normal(6, 4, seed=2) + normal(500, 4, seed=3) * torch.tensor([0.1, 1.0, 3.0, 9.0])


def reference(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Mean and projection-weighted mean from whitened covariances, in plain numpy."""

    def whitened(z: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(z.T @ z)
        return z @ vectors / np.sqrt(values)

    x, y = x - x.mean(0), y - y.mean(0)
    left, correlations, _ = np.linalg.svd(whitened(x).T @ whitened(y), full_matrices=False)
    variates = whitened(x) @ left
    weights = [sum(abs(variates[:, i] @ column) for column in x.T) for i in range(len(correlations))]
    return correlations.mean(), np.dot(weights, correlations) / sum(weights)


def test_both_are_what_numpy_computes(related):
    x, y = related
    for a, b in ((x, y), (y, x)):
        mean, weighted = reference(a.numpy(), b.numpy())
        assert cca(a, b, variance=1) == pytest.approx(mean, rel=1e-9)
        assert pwcca(a, b, variance=1) == pytest.approx(weighted, rel=1e-9)
    assert pwcca(y, x, variance=1) < 0.95 * cca(y, x, variance=1), "most of y is noise"


def test_the_mean_is_that_of_scikit_learns_variates(related):
    x, y = related
    a, b = CCA(4, max_iter=5000, tol=1e-12).fit_transform(x.numpy(), y.numpy())
    expected = np.mean([np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(4)])
    assert cca(x, y, variance=1) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("measure", [cca, pwcca])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_itself_in_other_axes_is_1(measure, dtype):
    x = (normal(300, 8) * torch.logspace(0, -2, 8) + 5).to(dtype)
    turned = x @ torch.linalg.qr(normal(8, 8, seed=1)).Q.to(dtype)
    assert measure(x, x) == pytest.approx(1, abs=1e-9)
    assert measure(x, 3 * turned - 7) == pytest.approx(1, abs=1e-4)
    assert measure(x, x @ normal(8, 8, seed=2).to(dtype) + 1, variance=1) == pytest.approx(1, abs=1e-4)


def test_linear_maps_and_shifts_change_nothing(related):
    x, y = related
    mapped_x, mapped_y = x @ normal(6, 6, seed=4) + 3, y @ normal(4, 4, seed=5) - 2
    for a, b in ((mapped_x, y), (x, mapped_y), (mapped_x, mapped_y)):
        assert cca(a, b, variance=1) == pytest.approx(cca(x, y, variance=1), rel=1e-9)
    assert pwcca(x, mapped_y, variance=1) == pytest.approx(pwcca(x, y, variance=1), rel=1e-9)
    assert pwcca(5 * x + 3, y, variance=1) == pytest.approx(pwcca(x, y, variance=1), rel=1e-9)


@pytest.mark.parametrize("measure", [cca, pwcca])
def test_independent_rows_have_nothing_in_common(measure):
    x, y = normal(20_000, 5), normal(20_000, 7, seed=1)
    assert measure(x, y) < 3 * (7 / 20_000) ** 0.5


def test_small_directions_are_left_out():
    """Of 3 large and 3 tiny directions only the large ones are shared."""
    scale = torch.tensor([1, 1, 1, 1e-2, 1e-2, 1e-2])
    shared, x, y = normal(5000, 3), normal(5000, 3, seed=1), normal(5000, 3, seed=2)
    x, y = torch.cat([shared, x], 1) * scale, torch.cat([shared, y], 1) * scale
    assert cca(x, y, variance=0.99) == pytest.approx(1, abs=1e-3)
    assert cca(x, y, variance=1) == pytest.approx(0.5, abs=0.05)


def test_rounding_errors_are_no_directions():
    """Of a matrix of rank 2 in float32 far from the origin, the other 6 directions are noise."""
    x, y = (normal(400, 2) @ normal(2, 8, seed=s) + 50 for s in (1, 2))
    assert cca(x.float(), y.float(), variance=1) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("measure", [cca, pwcca])
def test_what_cannot_be_compared(measure):
    x = normal(50, 3)
    assert measure(x, torch.full((50, 4), 0.3)) == 0 == measure(torch.full((50, 4), 0.3), x)
    with pytest.raises(ValueError, match=r"\(50, 3\) and y \(49, 3\)"):
        measure(x, x[1:])
    with pytest.raises(ValueError, match=r"variance=1\.5"):
        measure(x, x, variance=1.5)
    with pytest.raises(ValueError, match="6 rows for 3 and 3 directions"):
        measure(x[:6], normal(6, 3, seed=1), variance=1)
    with pytest.raises(ValueError, match="diverged"):
        measure(x / 0, x)
