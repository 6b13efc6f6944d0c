"""Statistics of heads are those of loops over units, and heads that were built for one thing show it."""

import math

import pytest
import torch

from lit_pretrain.probes.attention_heads import head_statistics


def test_statistics_are_those_of_loops():
    weights = torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(0)).softmax(-1)
    delimiters = torch.tensor([True, False, False, False, True])
    found = head_statistics(weights, delimiters)
    for h in range(2):
        w = [[float(weights[h, i, j]) for j in range(5)] for i in range(5)]
        units = range(5)
        expected = {
            "to_self": sum(w[i][i] for i in units) / 5,
            "to_previous": sum(w[i][i - 1] for i in range(1, 5)) / 4,
            "to_next": sum(w[i][i + 1] for i in range(4)) / 4,
            "to_first": sum(w[i][0] for i in units) / 5,
            "to_delimiters": sum(w[i][0] + w[i][4] for i in units) / 5,
            "entropy": -sum(w[i][j] * math.log(w[i][j]) for i in units for j in units) / 5,
            "offset": sum(w[i][j] * (j - i) for i in units for j in units) / 5,
            "distance": sum(w[i][j] * abs(j - i) for i in units for j in units) / 5,
        }
        assert {what: float(values[h]) for what, values in found.items()} == pytest.approx(expected, rel=1e-5)


def test_heads_that_do_one_thing():
    even, previous = torch.full((6, 6), 1 / 6), torch.eye(6).roll(-1, 1)
    found = head_statistics(torch.stack([even, torch.eye(6), previous]))
    assert found["entropy"].tolist() == pytest.approx([math.log(6), 0, 0])
    assert found["to_self"].tolist() == pytest.approx([1 / 6, 1, 0]) and found["to_previous"][2] == 1
    assert "to_delimiters" not in found and found["distance"][1] == 0
    with pytest.raises(ValueError, match=r"\(3, 1, 1\)"):
        head_statistics(torch.ones(3, 1, 1))
