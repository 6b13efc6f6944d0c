import numpy as np
import pytest

from lit_pretrain.datamodules.code.parse.flattening import flatten, unflatten
from lit_pretrain.datamodules.code.parse.grammar import node_types
from lit_pretrain.datamodules.code.parse.node import Node
from lit_pretrain.datamodules.code.parse.tree import read


def same(one: Node, other: Node) -> bool:
    stack = [(one, other)]
    while stack:
        a, b = stack.pop()
        if (a.type, a.leaf, len(a.children)) != (b.type, b.leaf, len(b.children)):
            return False
        stack += zip(a.children, b.children, strict=True)
    return True


def test_sequence_of_a_small_tree():
    types = node_types(("python",))
    tree = read(b"x = y", "python", types)
    module, statement, assignment = (types.index(t) for t in ("module", "expression_statement", "assignment"))
    opened = [-1 - 2 * t for t in (module, statement, assignment)]
    assert flatten(tree.root) == [*opened, 0, 1, 2, *(item - 1 for item in reversed(opened))]


def test_round_trip_over_random_trees():
    draw = np.random.default_rng(0)
    for _ in range(50):
        root = Node(int(draw.integers(9)))
        nodes, leaves = [root], 0
        for _ in range(int(draw.integers(60))):
            child = Node(int(draw.integers(9))) if draw.random() < 0.5 else Node(-1, leaves)
            leaves += child.type < 0
            nodes[int(draw.integers(len(nodes)))].children.append(child)
            nodes += [child] if child.type >= 0 else []
        sequence = flatten(root)
        assert same(unflatten(sequence), root)
        assert flatten(unflatten(sequence)) == sequence


@pytest.mark.parametrize("sequence", [[], [-1], [-2], [-1, 0, -4], [0, 1], [-1, -2, -1, -2], [-1, -2, -2]])
def test_what_is_no_tree(sequence):
    with pytest.raises(ValueError, match="sequence"):
        unflatten(sequence)
