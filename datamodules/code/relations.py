"""Relations of the syntax tree between stretches of tokens (as in CodeSyntax, arXiv 2210.14473).

Legend: B programs, U tokens, P pairs.
"""

from collections.abc import Iterator, Sequence

import torch

from lit_pretrain.datamodules.code.parse.flattening import unflatten
from lit_pretrain.datamodules.code.parse.node import Node
from lit_pretrain.types import CodeBatch, Kind, Relations

# Signs, words of the language and comments are not counted among the children of a node.
SIGNS = (Kind.OPERATOR, Kind.KEYWORD, Kind.COMMENT)
ARGUMENTS = ("argument_list", "arguments")
Span = tuple[int, int]  # first leaf, and the leaf after the last

# Type of a node -> relations between its children, by their numbers; "*" stands for each child of the last one.
CALL = [("call_function_to_argument", 0, "*")]
VALUE = [("assignment_target_to_value", 0, -1)]
FOR = [("for_target_to_iterable", -3, -2), ("for_iterable_to_body", -2, -1)]
OPERANDS = [("operands_left_to_right", 0, -1)]
ITEM = [("subscript_value_to_index", 0, 1)]
RULES: dict[str, list[tuple[str, int, int | str]]] = {
    "if_statement": [("if_condition_to_body", 0, 1), ("if_body_to_else", 1, 2)],
    "elif_clause": [("if_condition_to_body", 0, 1)],
    "while_statement": [("while_condition_to_body", 0, 1)],
    "with_statement": [("with_item_to_body", 0, 1)],
    "try_statement": [("try_body_to_handler", 0, 1)],
    "call": CALL,  # Python
    "call_expression": CALL,
    "method_invocation": CALL,  # Java
    "augmented_assignment": VALUE,  # Python
    "assignment": VALUE,
    "assignment_expression": VALUE,
    "augmented_assignment_expression": VALUE,
    "assignment_statement": VALUE,  # Go
    "short_var_declaration": VALUE,
    "variable_declarator": VALUE,
    "init_declarator": VALUE,  # C
    "for_in_statement": FOR,
    "enhanced_for_statement": FOR,
    "binary_operator": OPERANDS,
    "binary_expression": OPERANDS,
    "comparison_operator": OPERANDS,
    "boolean_operator": OPERANDS,
    "subscript": ITEM,
    "subscript_expression": ITEM,
    "index_expression": ITEM,
    "array_access": ITEM,
}
FOR_IN = [("for_target_to_iterable", 0, 1), ("for_iterable_to_body", 1, 2)]  # Python's, where an else may follow


def relations(batch: CodeBatch, types: Sequence[str]) -> Relations:
    """The relations of the programs of a batch whose trees are known.

    Args:
        batch: on any device.
        types: names of the types of inner nodes, in the order of their numbers.
    """
    found: dict[str, list[tuple[int, int, int, int]]] = {}
    rules = {number: FOR_IN if name == "for_statement" else RULES[name] for number, name in enumerate(types)
             if name in RULES or name == "for_statement"}  # fmt: skip
    lists = {number for number, name in enumerate(types) if name in ARGUMENTS}
    first = 0
    leaves, kinds = batch.leaf.cpu().split(batch.lengths), batch.kind.cpu().split(batch.lengths)
    for tree, leaf, kind in zip(batch.tree.split(), leaves, kinds, strict=True):
        if len(tree):
            units = (leaf >= 0).nonzero()[:, 0]
            starts = torch.searchsorted(leaf[units], torch.arange(int(leaf.max()) + 2)).tolist()  # leaves come in order
            places = [*units.tolist(), int(units[-1]) + 1]
            of_leaf = [kind[places[start]].item() for start in starts[:-1]]
            for name, (a, b), (c, d) in _pairs(unflatten(tree.tolist()), rules, lists, of_leaf):
                ends = (starts[a], starts[b], starts[c], starts[d])
                found.setdefault(name, []).append(tuple(first + places[end] for end in ends))
        first += len(leaf)
    among = batch.leaf >= 0
    return Relations(among, {name: torch.tensor(pairs, device=among.device) for name, pairs in sorted(found.items())})


def _pairs(tree: Node, rules: dict[int, list], lists: set[int], kinds: list[int]) -> Iterator[tuple[str, Span, Span]]:
    """Each relation's name, and the leaves that it starts from and leads to."""
    spans: dict[int, Span] = {}
    order, stack = [], [tree]
    while stack:
        node = stack.pop()
        order.append(node)
        stack += node.children
    for node in reversed(order):  # children before their parents
        inside = [spans[id(child)] for child in node.children if id(child) in spans]
        if node.leaf >= 0:
            spans[id(node)] = (node.leaf, node.leaf + 1)
        elif inside:
            spans[id(node)] = (inside[0][0], inside[-1][1])

    def content(parent: Node) -> list[Node]:
        return [c for c in parent.children if id(c) in spans and not (c.leaf >= 0 and kinds[c.leaf] in SIGNS)]

    def has_in(loop: Node, iterable: Node) -> bool:
        """Other languages' `for` has a sign there, and another meaning."""
        before = loop.children[loop.children.index(iterable) - 1]
        return before.leaf >= 0 and kinds[before.leaf] == Kind.KEYWORD

    for node in order:
        children = content(node) if node.type in rules else []
        if rules.get(node.type) is FOR_IN and not (len(children) > 2 and has_in(node, children[1])):
            continue
        for name, source, target in rules.get(node.type, ()):
            if target == "*":
                ends = content(children[-1]) if len(children) > 1 and children[-1].type in lists else []
            else:
                ends = [children[target]] if -len(children) <= target < len(children) else []
            if -len(children) <= source < len(children):
                yield from (
                    (name, spans[id(children[source])], spans[id(end)]) for end in ends if end is not children[source]
                )
