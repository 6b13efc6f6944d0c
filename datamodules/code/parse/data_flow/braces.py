"""Control flow of languages with blocks in braces, as far as their grammars agree."""

from collections.abc import Iterable
from typing import ClassVar

from lit_pretrain.datamodules.code.parse.data_flow.declaring import DeclaringWalker
from lit_pretrain.datamodules.code.parse.data_flow.walker import Steps
from lit_pretrain.datamodules.code.parse.node import Node


class BraceWalker(DeclaringWalker):
    """Blocks, branches, loops and jumps of C and its kin.

    Attributes:
        loops: kinds of nodes that a label may belong to.
    """

    loops: ClassVar[frozenset[str]] = frozenset({"while_statement", "do_statement", "for_statement"})

    def block(self, node: Node) -> Steps:
        return self._scoped(node.children)

    compound_statement = statement_block = block

    def if_statement(self, node: Node) -> Steps:
        yield from node.all("condition")
        yield from self._branch(node.all("consequence"), node.all("alternative"))

    conditional_expression = ternary_expression = if_statement

    def binary_expression(self, node: Node) -> Steps:
        operator = node.child("operator")
        if operator and operator.kind in ("&&", "||", "??"):
            yield from node.all("left")
            yield from self._branch((), node.all("right"))
        else:
            yield from node.children

    def while_statement(self, node: Node) -> Steps:
        head = node.all("condition")
        return self._scoped(self._loop(node, head, body=node.all("body"), endless=_is_true(head)))

    def do_statement(self, node: Node) -> Steps:
        head = node.all("condition")
        return self._loop(node, head, body=node.all("body"), endless=_is_true(head), body_first=True)

    def for_statement(self, node: Node) -> Steps:
        first = [*node.all("init"), *node.all("initializer")]
        head = [part for part in node.all("condition") if not part.sign and part.kind != "empty_statement"]
        step = [*node.all("update"), *node.all("increment")]
        loop = self._loop(node, head, body=node.all("body"), step=step, endless=not head or _is_true(head))
        return self._scoped(_after(first, loop))

    def labeled_statement(self, node: Node) -> Steps:
        label, *rest = node.parts
        if any(part.kind in self.loops for part in rest):
            self._label = label.text
        return rest

    throw_statement = DeclaringWalker.return_statement

    def try_statement(self, node: Node) -> Steps:
        body = [*node.all("resources"), *node.all("body")]
        return self._scoped(self._try(body, [[part] for part in node.of("catch_clause")], final=node.of("finally_clause")))

    def _scoped(self, steps: Steps) -> Steps:
        self._flow.open()
        yield from steps
        self._flow.close()

    def _switch(self, cases: list[tuple[Node, bool]], has_default: bool) -> Steps:
        """One of several cases, and, where its `bool` says so, the one after it, until a break."""
        flow = self._flow
        exits = self._enter(is_loop=False)
        ends, end = [], None
        for case, falls in cases:
            flow.join({}, end)
            yield case
            end = flow.back(exits.start)
            if not falls or case is cases[-1][0]:
                ends.append(end)
                end = None
        self._exits.pop()
        flow.join(*ends, *exits.breaks, *([] if has_default else [{}]))


def _is_true(condition: list[Node]) -> bool:
    node = condition[0]
    while len(node.parts) == 1:
        node = node.parts[0]
    return node.kind == "true" or node.text == "1"


def _after(first: Iterable[Node], then: Steps) -> Steps:
    yield from first
    yield from then
