"""How far produced sequences are from their references."""

from collections.abc import Hashable, Sequence


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and substitutions that turn one sequence into the other (Levenshtein)."""
    row = list(range(len(second) + 1))
    for i, x in enumerate(first, start=1):
        above, row = row, [i]
        for j, y in enumerate(second, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (x != y)))
    return row[-1]


def error_rate(hypotheses: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Hashable]]) -> float:
    """Edit distance of all sequences over the length of all references; may exceed 1.

    Of sequences of words it is the word error rate, of strings the character error rate, of ids the label error rate.

    Raises:
        ValueError: the numbers of sequences differ, or the references are empty.
    """
    if len(hypotheses) != len(references):
        raise ValueError(f"{len(hypotheses)} hypotheses and {len(references)} references: give one hypothesis for each")
    length = sum(map(len, references))
    if length == 0:
        raise ValueError("the references are empty, and a rate needs a length: leave such data out")
    return sum(map(edit_distance, hypotheses, references)) / length
