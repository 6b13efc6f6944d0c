"""Keywords that find pairs are those of a search, unit by unit."""

import pytest
import torch

from lit_pretrain.probes.keywords import Keywords


@pytest.fixture
def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """30 units of 5 symbols, and pairs of stretches apart in both directions."""
    generator = torch.Generator().manual_seed(0)
    symbols = torch.randint(0, 5, (30,), generator=generator)
    among = torch.rand(30, generator=generator) > 0.1
    pairs = [(a, a + 2, b, b + 2) for a, b in torch.randint(0, 28, (80, 2), generator=generator).tolist() if abs(a - b) > 1]
    return symbols, among, torch.tensor(pairs)


def by_search(symbols: list[int], among: list[bool], pairs: list[list[int]]) -> set[tuple[int, int]]:
    found = set()
    for p, (start, stop, first, after) in enumerate(pairs):
        for symbol in set(symbols):
            ways = (range(stop, len(symbols)), range(start - 1, -1, -1))
            for side, units in enumerate(ways):
                hit = next((u for u in units if symbols[u] == symbol), None)
                if hit is not None and among[hit] and first <= hit < after:
                    found.add((p, 2 * symbol + side))
    return found


def test_each_pair_is_found_by_what_a_search_finds(example):
    found = Keywords.of(*example)
    assert found.pairs == len(example[2])
    expected = by_search(*(x.tolist() for x in example))
    assert set(zip(found.pair.tolist(), found.keyword.tolist(), strict=True)) == expected
    assert len(expected) == len(found.pair) and {k % 2 for _, k in expected} == {0, 1}


def test_the_best_keywords_are_taken_one_after_the_other(example):
    found = Keywords.of(*example)
    finds = {k: set(found.pair[found.keyword == k].tolist()) for k in range(10)}
    share, (first, second) = found.best(2)
    assert len(finds[first]) == max(map(len, finds.values()))
    assert len(finds[second] - finds[first]) == max(len(pairs - finds[first]) for pairs in finds.values())
    assert share == pytest.approx(len(finds[first] | finds[second]) / found.pairs)


def test_parts_count_on(example):
    symbols, among, pairs = example
    both = Keywords.cat([Keywords.of(symbols, among, pairs[:20]), Keywords.of(symbols, among, pairs[20:])])
    assert both.best(3) == Keywords.of(*example).best(3)


def test_nothing_is_found_where_no_symbol_leads():
    nothing = Keywords.of(torch.tensor([1, 1, 1]), torch.tensor([True, True, True]), torch.tensor([[0, 1, 2, 3]]))
    assert nothing.best(4) == (0.0, ())
