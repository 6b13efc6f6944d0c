"""CKA knows no rotation, scale or shift, and is the formula of the papers."""

import pytest
import torch

from lit_pretrain.probes.cka import alignment, centred_gram, cka


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def related() -> tuple[torch.Tensor, torch.Tensor]:
    x = normal(40, 6)
    return x, x @ normal(6, 5, seed=1) + 2 * normal(40, 5, seed=2)


def test_the_plain_one_is_that_of_cross_covariances(related):
    x, y = (z.double() - z.double().mean(0) for z in related)
    expected = (y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm())
    assert cka(*related, unbiased=False) == pytest.approx(float(expected), rel=1e-9)


def test_the_unbiased_one_is_the_estimate_of_hsic(related):
    """HSIC_1 of Song et al. (2012), as arXiv 2010.15327 gives it."""

    def hsic(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        a, b = ((z.double() @ z.double().T).fill_diagonal_(0) for z in (x, y))
        n = len(x)
        inner = (a @ b).trace() + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (a @ b).sum()
        return inner / (n * (n - 3))

    x, y = related
    expected = hsic(x, y) / (hsic(x, x) * hsic(y, y)).sqrt()
    assert cka(x, y) == pytest.approx(float(expected), rel=1e-6) and 0.1 < cka(x, y) < 0.9


@pytest.mark.parametrize("unbiased", [True, False])
def test_rotations_scales_and_shifts_change_nothing(related, unbiased):
    x, y = related
    turned = 7 * x @ torch.linalg.qr(normal(6, 6, seed=3)).Q - 3
    assert cka(x, turned, unbiased) == pytest.approx(1, abs=1e-6)
    assert cka(turned, y, unbiased) == pytest.approx(cka(x, y, unbiased), abs=1e-6) == cka(y, turned, unbiased)
    stretched = x * torch.tensor([100, 1, 1, 1, 1, 1])
    assert cka(x, stretched, unbiased) < 0.8, "unlike canonical correlation it sees which directions are long"


def test_few_rows_of_noise_are_alike_in_the_plain_one_only():
    found = [(cka(normal(20, 100, seed=s), normal(20, 100, seed=s + 50)),
              cka(normal(20, 100, seed=s), normal(20, 100, seed=s + 50), unbiased=False)) for s in range(20)]  # fmt: skip
    unbiased, plain = torch.tensor(found).mean(0)
    assert abs(unbiased) < 0.05 and plain > 0.7


def test_what_cannot_be_compared():
    x = normal(10, 3)
    assert cka(x, torch.ones(10, 2)) == 0 and alignment(centred_gram(x), centred_gram(x)) == pytest.approx(1)
    with pytest.raises(ValueError, match="same rows"):
        cka(x, x[1:])
    with pytest.raises(ValueError, match="at least 4 rows"):
        cka(x[:3], x[:3])
    with pytest.raises(ValueError, match="diverged"):
        cka(x / 0, x)
