"""Programs that stop at the end of a line, for models that complete them (as in CodeXGLUE, arXiv 2102.04664).

Legend: U tokens of all programs.
"""

from collections.abc import Callable
from itertools import pairwise

import torch

from lit_pretrain.types import CodeBatch

GOLDEN = 0.6180339887498949  # multiples of it lie evenly between whole numbers, however many there are


def unfinished(batch: CodeBatch, decode: Callable[[list[int]], str]) -> tuple[CodeBatch, list[str]]:
    """Programs up to the end of a line, and the line that comes next, without the white space around it.

    Which line that is differs from program to program, and is the same each time. It is neither the first nor the last,
    which may have been cut. Programs without such a line, or without a syntax tree, are left out.

    Args:
        batch: on the host.
        decode: ids -> text.
    """
    chosen, wanted, keep, first = [], [], torch.zeros(len(batch.tokens), dtype=torch.bool), 0
    numbers = range(batch.num_examples) if batch.index is None else batch.index.tolist()
    parts = zip(numbers, batch.tokens.split(batch.lengths), batch.leaf.split(batch.lengths), strict=True)
    for row, (number, tokens, leaf) in enumerate(parts):
        starts = lines(tokens.tolist(), leaf.tolist(), decode)
        if len(starts) > 1:
            place = int(GOLDEN * number % 1 * (len(starts) - 1))
            chosen.append(row)
            wanted.append(first_line(decode(tokens[starts[place] : starts[place + 1]].tolist())))
            keep[first : first + starts[place]] = True
        first += len(tokens)
    return batch.part(keep, torch.tensor(chosen, dtype=torch.long)), wanted


def lines(tokens: list[int], leaf: list[int], decode: Callable[[list[int]], str]) -> list[int]:
    """The tokens that begin a line, in front of which is the end of another; each is the first of a leaf."""
    starts = [u for u, n in enumerate(leaf) if n >= 0 and (u == 0 or leaf[u - 1] != n)]
    found = []
    for start, stop in pairwise([*starts, len(tokens)]):
        spelled = decode(tokens[start:stop])
        if "\n" in spelled[: len(spelled) - len(spelled.lstrip())]:
            found.append(start)
    return found


def first_line(text: str) -> str:
    """The first line with something in it, without the white space around it."""
    return (text.strip().splitlines() or [""])[0].rstrip()
