"""Writes in Python."""

from collections.abc import Generator, Iterable, Iterator

from lit_pretrain.datamodules.code.parse.data_flow.walker import Parameters, Steps, Walker
from lit_pretrain.datamodules.code.parse.node import Node

LISTS = {"pattern_list", "tuple_pattern", "list_pattern", "expression_list", "tuple", "list"}
SPLATS = {"list_splat_pattern", "list_splat", "dictionary_splat_pattern"}
GROUPS = LISTS | SPLATS | {"as_pattern_target", "parenthesized_expression"}


class PythonWrites(Walker):
    """A name that a function or class writes anywhere is its own, but for `global` and `nonlocal`.

    `with x as y` and `except x as y` write y from the reads of x. `del x` reads x and leaves it without a value. Annotations
    are read, and give their variable no value.
    """

    def assignment(self, node: Node) -> Steps:
        left, right = node.child("left"), node.child("right")
        yield from node.all("type")
        if right is None:
            if left.leaf >= 0:
                self._bind(left.text)
            yield left
            return
        pairs = list(_matched(left, right))
        sources = []
        for _, value in pairs:
            sources.append((yield from self._reads(value)))
        for (target, _), reads in zip(pairs, sources, strict=True):
            yield from self._assign(target, reads)

    def augmented_assignment(self, node: Node) -> Steps:
        sources = yield from self._reads(node.child("right"))
        left = node.child("left")
        if left.kind == "identifier":
            self._bind(left.text)
            self._flow.update(left.text, left.leaf, sources)
        else:
            yield from self._assign(left, sources)

    def as_pattern(self, node: Node) -> Steps:
        value, target = node.parts
        sources = yield from self._reads(value)
        yield from self._assign(target, sources)

    def delete_statement(self, node: Node) -> Steps:
        for target in _simple(node.parts[0]):
            yield target
            if target.kind == "identifier":
                self._bind(target.text)
                self._flow.forget(target.text)

    def import_statement(self, node: Node) -> Steps:
        for name in node.all("name"):
            leaf = name.child("alias") or name.children[0]
            yield from self._assign(leaf, [])

    import_from_statement = future_import_statement = import_statement

    def global_statement(self, node: Node) -> Steps:
        for name in node.of("identifier"):
            self._flow.outward(name.text, widest=node.kind == "global_statement")
        return ()

    nonlocal_statement = global_statement

    def named_expression(self, node: Node) -> Steps:
        sources = yield from self._reads(node.child("value"))
        name = node.child("name")
        yield from self._assign(name, sources)
        self._flow.reads.append(name.leaf)  # its value is the expression's

    def _parameters(self, node: Node) -> Generator[Node, None, Parameters]:
        """Runs defaults and annotations, which are no part of the function. Returns the parameters with their defaults."""
        found = []
        for parameter in node.parts:
            value = parameter.child("value")
            default = (yield from self._reads(value)) if value else []
            yield from parameter.all("type")
            name = parameter.child("name") or (parameter.children[0] if parameter.kind == "typed_parameter" else parameter)
            found += [(leaf, default) for leaf in _simple(name) if leaf.kind == "identifier"]
        return found

    def _bind(self, name: str) -> None:
        """The innermost function or class, or the module, writes a name."""
        scope = next(scope for scope in reversed(self._flow.scopes) if scope.kind != "block")
        if name not in scope.outward:
            self._flow.declare(name, scope)

    def _assign(self, target: Node, sources: Iterable[int], declare: bool = False) -> Steps:
        """Writes all that a target names. `declare`: in the innermost scope, whatever that is."""
        for simple in _simple(target):
            base = simple
            while base.kind in ("attribute", "subscript"):
                yield from base.all("subscript")
                base = base.child("object") or base.child("value")
            if base.kind != "identifier":
                yield base
            elif base is not simple:
                self._flow.update(base.text, base.leaf, sources)
            else:
                if declare:
                    self._flow.declare(base.text)
                else:
                    self._bind(base.text)
                self._flow.write(base.text, base.leaf, sources)


def _simple(target: Node) -> Iterator[Node]:
    """What a target writes: names, attributes, subscripts."""
    stack = [target]
    while stack:
        node = stack.pop()
        if node.kind in GROUPS:
            stack += reversed(node.parts)
        else:
            yield node


def _matched(left: Node, right: Node) -> Iterator[tuple[Node, Node]]:
    """Targets with what they come from: elements of lists that match, else the whole."""
    stack = [(left, right)]
    while stack:
        pair = stack.pop()
        kinds, lengths = {side.kind for side in pair}, {len(side.parts) for side in pair}
        splat = any(part.kind in SPLATS for side in pair for part in side.parts)
        if kinds <= LISTS and len(lengths) == 1 and not splat:
            stack += reversed(list(zip(*(side.parts for side in pair), strict=True)))
        else:
            yield pair
