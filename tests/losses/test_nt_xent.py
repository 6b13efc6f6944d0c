"""NT-Xent: the paper's formula, pair by pair."""

import math

import pytest
import torch

from lit_pretrain.kernels.linear_cross_entropy import CHUNK
from lit_pretrain.losses.nt_xent import nt_xent


def by_hand(first: torch.Tensor, second: torch.Tensor, temperature: float) -> float:
    z = [row / row.norm() for row in torch.cat([first, second])]
    n, total = len(first), 0.0
    for i in range(2 * n):
        other = (i + n) % (2 * n)
        terms = [math.exp(float(z[i] @ z[k]) / temperature) for k in range(2 * n) if k != i]
        total -= math.log(math.exp(float(z[i] @ z[other]) / temperature) / sum(terms))
    return total / (2 * n)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_the_formula(temperature):
    first, second = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    assert float(nt_xent(first, second, temperature)) == pytest.approx(by_hand(first, second, temperature), rel=1e-5)


def test_lengths_do_not_count_and_equal_vectors_give_the_logarithm():
    first, second = torch.randn(2, 6, 8)
    torch.testing.assert_close(nt_xent(3 * first, 0.1 * second, 0.2), nt_xent(first, second, 0.2))
    same = torch.ones(4, 8)
    assert float(nt_xent(same, same, 0.1)) == pytest.approx(math.log(7), rel=1e-5)  # seven candidates for each view


def test_a_chunk_of_views_at_a_time_changes_nothing(monkeypatch):
    found = []
    for scores in (2**20, 24):  # all 12 views at once, two at a time
        monkeypatch.setitem(CHUNK, "cpu", scores)
        first, second = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0)).requires_grad_().unbind()
        loss = nt_xent(first, second, 0.2)
        found.append((loss.detach(), *torch.autograd.grad(loss, (first, second))))
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two)
