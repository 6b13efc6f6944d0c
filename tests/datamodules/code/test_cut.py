"""What is cut off a program is gone from its tree, variables and flow, and nothing else is."""

import numpy as np
import pytest

from lit_pretrain.datamodules.code.cut import cut
from lit_pretrain.datamodules.code.parse.flattening import unflatten
from lit_pretrain.datamodules.code.parse.parser import parse

CODE = """def f(items, limit):
    total = 0
    for item in items:
        if item > limit:
            total += item * 2
    result = [total + x for x in items]
    return result, (lambda y: y + total)(3)
"""


def nested(node) -> tuple:
    """A tree as nested tuples."""
    return node.leaf if node.type < 0 else (node.type, *map(nested, node.children))


def first_leaves(tree: tuple | int, count: int) -> tuple | int | None:
    """The tree with its first leaves alone, by recursion; None: no leaf is left."""
    if isinstance(tree, int):
        return tree if tree < count else None
    kept = [child for child in (first_leaves(child, count) for child in tree[1:]) if child is not None]
    return (tree[0], *kept) if kept else None


@pytest.mark.parametrize("code, language", [(CODE, "python"), ("int f(int a) { while (a) { a -= g(a); } return a; }", "c")])
def test_every_cut_of_a_program(code, language):
    parsed = parse(code, language)
    whole, leaves = nested(unflatten(parsed.tree.tolist())), len(parsed.kinds)
    for count in range(1, leaves + 1):
        tree, variables, flow = cut(parsed.tree, parsed.variables, parsed.flow, count)
        assert nested(unflatten(tree.tolist())) == first_leaves(whole, count)
        assert variables.tolist() == [leaf for leaf in parsed.variables.tolist() if leaf < count]
        leaf_of = parsed.variables
        assert flow.tolist() == [[i, j] for i, j in parsed.flow.tolist() if leaf_of[i] < count and leaf_of[j] < count]
    assert all(len(part) == 0 for part in cut(parsed.tree, parsed.variables, parsed.flow, 0))


def test_a_plain_program_has_nothing_to_cut():
    none = np.empty(0, np.int64)
    assert all(len(part) == 0 for part in cut(none, none, np.empty((0, 2), np.int64), 0))
