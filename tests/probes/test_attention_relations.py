"""Heads that follow a relation are told from those that do not, and offsets are the best ones."""

import itertools

import pytest
import torch

from lit_pretrain.probes.attention_relations import attention_hits, best_offsets


@pytest.fixture
def case() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Attention of 3 heads among 12 units, of which 3 are none that could be meant, and pairs of stretches apart."""
    torch.manual_seed(0)
    weights = torch.randn(3, 12, 12).softmax(-1)
    among = torch.ones(12, dtype=torch.bool)
    among[[0, 6, 11]] = False
    pairs = torch.tensor([[1, 3, 4, 6], [7, 8, 2, 5], [4, 5, 5, 6], [9, 11, 1, 2], [2, 3, 7, 11]])
    return weights, among, pairs


@pytest.mark.parametrize("k", [1, 3, 99])
def test_hits_are_those_of_a_loop(case, k):
    weights, among, pairs = case
    found = attention_hits(weights, among, pairs, k)
    for p, (start, stop, first, after) in enumerate(pairs.tolist()):
        for h in range(3):
            row = weights[h, start:stop].mean(0)
            units = [u for u in range(12) if among[u] and not start <= u < stop]
            chosen = sorted(units, key=lambda u, row=row: -float(row[u]))[:k]
            assert found[p, h] == any(first <= u < after for u in chosen)
    assert found.shape == (5, 3) and found.any() and (k == 99 or not found.all())


def test_the_best_offsets_are_those_of_a_search(case):
    pairs = torch.randint(0, 40, (60, 4), generator=torch.Generator().manual_seed(0))
    pairs[:, 1] = pairs[:, 0] + 1 + pairs[:, 1] % 3
    pairs[:, 3] = pairs[:, 2] + 1 + pairs[:, 3] % 3

    def finds(offset: int) -> set[int]:
        units = pairs[:, 0] + offset if offset > 0 else pairs[:, 1] - 1 + offset
        return set(((units >= pairs[:, 2]) & (units < pairs[:, 3])).nonzero()[:, 0].tolist())

    every = {offset: finds(offset) for offset in itertools.chain(range(1, 50), range(-49, 0))}
    share, (best,) = best_offsets(pairs, 1)
    assert share == pytest.approx(max(map(len, every.values())) / 60) and len(every[best]) == round(share * 60)
    share, offsets = best_offsets(pairs, 3)
    assert len(offsets) == 3 and share == pytest.approx(len(set().union(*(every[o] for o in offsets))) / 60)
    left = set(range(60)) - every[offsets[0]] - every[offsets[1]]
    assert len(left & every[offsets[2]]) == max(len(left & found) for found in every.values())


def test_a_fixed_distance_is_found_by_one_offset():
    pairs = torch.tensor([[3, 5, 9, 10], [0, 1, 6, 7], [20, 21, 26, 28]])
    assert best_offsets(pairs, 5) == (1.0, (6,))
    assert best_offsets(pairs[:, [2, 3, 0, 1]], 1)[1] in ((-5,), (-6,))
    assert best_offsets(pairs, 1, furthest=4) == (0.0, ())
