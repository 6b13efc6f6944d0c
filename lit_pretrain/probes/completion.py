"""How near a written ending comes to the real one."""

from collections.abc import Sequence


def completion_scores(written: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
    """
    Args:
        written, wanted: endings in the same order, at least one.

    Returns:
        `exact_match`: the share of those that are equal; `edit_similarity`: the mean of theirs, as in CodeXGLUE
        (arXiv 2102.04664).
    """
    if len(written) != len(wanted) or not len(wanted):
        raise ValueError(f"{len(written)} endings are written and {len(wanted)} wanted: give as many of both, at least one")
    pairs = list(zip(written, wanted, strict=True))
    return {
        "exact_match": sum(a == b for a, b in pairs) / len(pairs),
        "edit_similarity": sum(edit_similarity(a, b) for a, b in pairs) / len(pairs),
    }


def edit_similarity(a: str, b: str) -> float:
    """1 - (insertions and deletions that make b of a) / (letters of both), from 0 to 1; 1 where both are empty."""
    return 2 * longest_common_subsequence(a, b) / (len(a) + len(b)) if a or b else 1.0


def longest_common_subsequence(a: str, b: str) -> int:
    """Its length, by one row of the table a letter of b, whose steps are the bits of a number (Hyyrö, 2004)."""
    places: dict[str, int] = {}
    for i, letter in enumerate(a):
        places[letter] = places.get(letter, 0) | 1 << i
    every = (1 << len(a)) - 1
    row = every  # 0 where the table steps up
    for letter in b:
        matched = row & places.get(letter, 0)
        row = ((row + matched) | (row - matched)) & every
    return len(a) - row.bit_count()
