"""Data flow of Go."""

from collections.abc import Iterator
from typing import ClassVar

from lit_pretrain.datamodules.code.parse.data_flow.braces import BraceWalker
from lit_pretrain.datamodules.code.parse.data_flow.walker import Steps
from lit_pretrain.datamodules.code.parse.node import Node

BUILTINS = "append cap clear close complex copy delete imag iota len make max min new panic print println real recover"
PARAMETERS = ("parameter_declaration", "variadic_parameter_declaration")
CASES = ("expression_case", "type_case", "communication_case", "default_case")


class GoWalker(BraceWalker):
    """Go: `:=` declares what its block does not have yet; named results are parameters; `_` is no variable.

    `var x T` writes x, for it holds its type's zero. Keys in a literal of anything but a map are fields.
    """

    builtins: ClassVar[frozenset[str]] = frozenset(BUILTINS.split())
    places: ClassVar[dict[str, tuple[str, ...]]] = {"selector_expression": ("operand",), "unary_expression": ("operand",),
                                                    "index_expression": ("operand", "index")}  # fmt: skip

    def assignment_statement(self, node: Node) -> Steps:
        return self._assignment(node.child("left"), node.child("right"), node.child("operator").kind != "=")

    def inc_statement(self, node: Node) -> Steps:
        return self._assign(node.parts[0], (), update=True)

    dec_statement = inc_statement

    def short_var_declaration(self, node: Node) -> Steps:
        return self._assignment(node.child("left"), node.child("right"), scope=self._flow.scopes[-1])

    def receive_statement(self, node: Node) -> Steps:
        left = node.child("left")
        scope = self._flow.scopes[-1] if node.of(":=") else None
        return self._assignment(left, node.child("right"), scope=scope) if left else node.children

    def var_spec(self, node: Node) -> Steps:
        names, value = [name for name in node.all("name") if not name.sign], node.child("value")
        values = value.parts if value else []
        matched, sources = len(values) == len(names), []
        for part in values:
            sources.append((yield from self._reads(part)))
        for i, name in enumerate(names):
            reads = sources[i] if matched else [leaf for several in sources for leaf in several]
            yield from self._assign(name, reads, scope=self._flow.scopes[-1])

    const_spec = var_spec

    def if_statement(self, node: Node) -> Steps:
        return self._scoped(self._if(node))

    def _if(self, node: Node) -> Steps:
        yield from node.all("initializer")
        yield from super().if_statement(node)

    def for_statement(self, node: Node) -> Steps:
        clauses = node.of("for_clause", "range_clause")
        body, kind = node.all("body"), clauses[0].kind if clauses else ""
        if kind == "range_clause":
            return self._range(node, clauses[0])
        if kind == "for_clause":
            clause = clauses[0]
            return self._scoped(self._for(node, clause))
        head = [part for part in node.parts if part.field != "body"]
        return self._loop(node, head, body=body, endless=not head or head[0].kind == "true")

    def _for(self, node: Node, clause: Node) -> Steps:
        yield from clause.all("initializer")
        head = clause.all("condition")
        yield from self._loop(node, head, body=node.all("body"), step=clause.all("update"), endless=not head)

    def _range(self, node: Node, clause: Node) -> Steps:
        sources = yield from self._reads(clause.child("right"))
        self._flow.open()
        left = clause.all("left")
        scope = self._flow.scopes[-1] if clause.of(":=") else None
        bind = (lambda: self._assign(left[0], sources, scope=scope)) if left else ()
        yield from self._loop(node, bind=bind, body=node.all("body"))
        self._flow.close()

    def expression_switch_statement(self, node: Node) -> Steps:
        return self._scoped(self._cases(node))

    type_switch_statement = select_statement = expression_switch_statement

    def _cases(self, node: Node) -> Steps:
        yield from node.all("initializer")
        sources = yield from self._reads(*node.all("value"))
        for alias in node.all("alias"):
            yield from self._assign(alias, sources, scope=self._flow.scopes[-1])
        cases = node.of(*CASES)
        falls = [(case, any(part.of("fallthrough_statement") for part in case.of("statement_list"))) for case in cases]
        # A select waits until one of its cases runs.
        has_default = node.kind == "select_statement" or any(case.kind == "default_case" for case in cases)
        yield from self._switch(falls, has_default)

    def expression_case(self, node: Node) -> Steps:
        return self._scoped(node.children)

    type_case = communication_case = default_case = expression_case

    def function_declaration(self, node: Node) -> Steps:
        for name in node.all("name"):
            if name.kind == "identifier":
                yield from self._assign(name, (), scope=self._flow.scopes[-1])
        lists = [node.child(field) for field in ("receiver", "parameters", "result")]
        declared = [each for several in lists if several for each in several.of(*PARAMETERS)]
        parameters = yield from self._parameters([name for each in declared for name in each.all("name")])
        yield from self._function(parameters, node.all("body"))

    method_declaration = func_literal = function_declaration

    def type_parameter_declaration(self, node: Node) -> Steps:
        return node.all("type")

    def parameter_declaration(self, node: Node) -> Steps:
        return ()  # of a function's type

    def composite_literal(self, node: Node) -> Steps:
        yield from node.all("type")
        is_map = node.child("type").kind == "map_type"
        for element in node.child("body").parts:
            yield from [element] if is_map or element.kind != "keyed_element" else element.all("value")

    def _simple(self, target: Node) -> Iterator[tuple[Node, Node | None]]:
        yield from (pair for pair in super()._simple(target) if pair[0].text != "_")
