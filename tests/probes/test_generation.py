"""Shares of generated examples, counted by hand."""

import pytest

from lit_pretrain.probes.generation import generation_scores


def test_shares():
    valid = [True, True, True, False, True, False, True, True]
    keys = ["a", "b", "a", "c", "d", "c", "b", "e"]
    found = generation_scores(valid, keys, known={"a", "e", "c", "z"})
    assert found == {"validity": 6 / 8, "uniqueness": 4 / 6, "novelty": 2 / 4}
    assert generation_scores(valid, keys)["novelty"] == 1.0


def test_nothing_valid():
    assert generation_scores([False, False], [1, 2], {1}) == {"validity": 0.0, "uniqueness": 0.0, "novelty": 0.0}


def test_what_cannot_be_counted():
    with pytest.raises(ValueError, match="1 examples are judged and 2 have keys"):
        generation_scores([True], [1, 2])
    with pytest.raises(ValueError, match="at least one"):
        generation_scores([], [])
