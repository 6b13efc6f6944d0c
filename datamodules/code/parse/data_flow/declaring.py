"""Writes in languages that declare their variables."""

from collections.abc import Iterable, Iterator
from typing import ClassVar

from lit_pretrain.datamodules.code.parse.data_flow.reaching import Scope
from lit_pretrain.datamodules.code.parse.data_flow.walker import Parameters, Steps, Walker
from lit_pretrain.datamodules.code.parse.node import Node


class DeclaringWalker(Walker):
    """Variables are declared in a scope, and last as long as it. A write of an undeclared name is the file's.

    Attributes:
        targets: kinds of leaves that may be written.
        groups: kinds of nodes that are targets by their parts.
        lists: kinds of nodes whose elements are written from the elements of another.
        places: kind of node that is a part of an object -> (field of the object, fields that are read to find the part).
    """

    targets: ClassVar[frozenset[str]] = frozenset({"identifier"})
    groups: ClassVar[frozenset[str]] = frozenset({"expression_list", "parenthesized_expression"})
    lists: ClassVar[frozenset[str]] = frozenset({"expression_list"})
    places: ClassVar[dict[str, tuple[str, ...]]] = {}

    def assignment_expression(self, node: Node) -> Steps:
        operator = node.child("operator")
        return self._assignment(node.child("left"), node.child("right"), operator is not None and operator.kind != "=")

    def update_expression(self, node: Node) -> Steps:
        return self._assign(node.parts[0], (), update=True)

    def _assignment(self, left: Node, right: Node, update: bool = False, scope: Scope | None = None) -> Steps:
        pairs, sources = [(left, right)], []
        if left.kind in self.lists and right.kind in self.lists and len(left.parts) == len(right.parts):
            pairs = list(zip(left.parts, right.parts, strict=True))
        for _, value in pairs:
            sources.append((yield from self._reads(value)))
        for (target, _), reads in zip(pairs, sources, strict=True):
            yield from self._assign(target, reads, update, scope)

    def _assign(self, target: Node, sources: Iterable[int], update: bool = False, scope: Scope | None = None) -> Steps:
        """Writes all that a target names. `update`: which is read, too; `scope`: which declares it."""
        flow = self._flow
        for leaf, default in self._simple(target):
            reads = (yield from self._reads(default)) if default else ()
            place = leaf
            while place.kind in self.places:
                inner, *read = self.places[place.kind]
                yield from [part for part in place.parts if part.field in read]
                place = place.child(inner) or place.parts[0]
            if place.kind not in self.targets:
                yield place
            elif place is not leaf or update:
                flow.update(place.text, place.leaf, [*sources, *reads])
            else:
                if scope:
                    flow.declare(leaf.text, scope)
                flow.write(leaf.text, leaf.leaf, [*sources, *reads])

    def _declare(self, target: Node, value: Node | None, scope: Scope | None = None) -> Steps:
        """New variables of a scope, the innermost if None. Without a value they are not written."""
        scope = scope or self._flow.scopes[-1]
        if value:
            yield from self._assignment(target, value, scope=scope)
            return
        for leaf, _ in self._simple(target):
            if leaf.kind in self.targets:
                self._flow.declare(leaf.text, scope)
                yield leaf

    def _simple(self, target: Node) -> Iterator[tuple[Node, Node | None]]:
        """What a target writes, each with its default."""
        stack = [target]
        while stack:
            node = stack.pop()
            if node.kind in self.groups:
                stack += reversed(node.parts)
            else:
                yield node, None

    def _parameters(self, targets: Iterable[Node]) -> Steps:
        """Runs defaults. Returns parameters as `_function` wants them."""
        found: Parameters = []
        for target in targets:
            for leaf, default in self._simple(target):
                reads = (yield from self._reads(default)) if default else []
                found += [(leaf, reads)] if leaf.kind in self.targets else []
        return found
