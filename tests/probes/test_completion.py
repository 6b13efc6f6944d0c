"""Edit similarity is that of the table of edits."""

import random

import pytest

from lit_pretrain.probes.completion import completion_scores, edit_similarity, longest_common_subsequence


def edits(a: str, b: str) -> int:
    """Insertions and deletions, by the table."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(before[j - 1] if x == y else 1 + min(before[j], row[j - 1]))
    return row[-1]


def test_similarity_is_that_of_the_table():
    draw = random.Random(0)
    for _ in range(200):
        a, b = ("".join(draw.choices("abcé ", k=draw.randrange(90))) for _ in range(2))
        assert len(a) + len(b) - 2 * longest_common_subsequence(a, b) == edits(a, b)
        assert edit_similarity(a, b) == edit_similarity(b, a)
        assert edit_similarity(a, b) == pytest.approx(1 - edits(a, b) / (len(a) + len(b)) if a or b else 1)


def test_known_cases():
    assert edit_similarity("", "") == edit_similarity("return x", "return x") == 1
    assert edit_similarity("", "x") == edit_similarity("ab", "cd") == 0
    assert edit_similarity("return x", "return y") == 14 / 16
    assert completion_scores(["a", "b = 1"], ["a", "b = 2"]) == {"exact_match": 0.5, "edit_similarity": 0.9}
    with pytest.raises(ValueError, match="1 endings are written and 0 wanted"):
        completion_scores(["a"], [])
