"""Trees as sequences and back (the one-to-one mapping of UniXcoder, arXiv 2203.03850).

A leaf is its number n >= 0. An inner node of type t is -1 - 2t, its children, -2 - 2t. UniXcoder writes <t, left> and
<t, right> for the last two. The tree's depth is bounded by memory alone.
"""

from collections.abc import Iterable

from lit_pretrain.datamodules.code.parse.node import Node


def flatten(tree: Node) -> list[int]:
    """The sequence of a tree."""
    sequence = []
    stack: list[Node | int] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, int):
            sequence.append(node)
        elif node.type < 0:
            sequence.append(node.leaf)
        else:
            sequence.append(-1 - 2 * node.type)
            stack.append(-2 - 2 * node.type)
            stack += reversed(node.children)
    return sequence


def unflatten(sequence: Iterable[int]) -> Node:
    """The tree of a sequence; its nodes know `type`, `leaf` and `children`.

    Raises:
        ValueError: no tree has this sequence.
    """
    top = Node(0)
    open_nodes = [top]
    for position, item in enumerate(map(int, sequence)):
        if item >= 0:
            open_nodes[-1].children.append(Node(-1, item))
        elif item % 2:
            node = Node(-(item + 1) // 2)
            open_nodes[-1].children.append(node)
            open_nodes.append(node)
        else:
            closed = open_nodes.pop()
            if not open_nodes or closed.type != -(item + 2) // 2:
                raise ValueError(f"item {position} of the sequence, {item}, closes a node that is not open")
    if len(open_nodes) > 1 or len(top.children) != 1:
        raise ValueError("the sequence is not that of one tree: it leaves a node open or has another number of roots")
    return top.children[0]
