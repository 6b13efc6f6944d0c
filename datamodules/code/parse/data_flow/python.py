"""Data flow of Python."""

import builtins
from typing import ClassVar

from lit_pretrain.datamodules.code.parse.data_flow.python_writes import PythonWrites
from lit_pretrain.datamodules.code.parse.data_flow.walker import Steps
from lit_pretrain.datamodules.code.parse.node import Node


class PythonWalker(PythonWrites):
    """Python: comprehensions and lambdas have their own names; methods do not see those of their class.

    A decorated name comes from its decorators, a class from its bases, what a `case` captures from what is matched.
    """

    builtins: ClassVar[frozenset[str]] = frozenset(dir(builtins))

    # Expressions

    def attribute(self, node: Node) -> Steps:
        return node.all("object")

    def dotted_name(self, node: Node) -> Steps:
        return node.children[:1]

    def keyword_argument(self, node: Node) -> Steps:
        return node.all("value")

    def boolean_operator(self, node: Node) -> Steps:
        yield from node.all("left")
        yield from self._branch((), node.all("right"))

    def conditional_expression(self, node: Node) -> Steps:
        body, condition, otherwise = node.parts
        yield condition
        yield from self._branch([body], [otherwise])

    def lambda_(self, node: Node) -> Steps:
        parameters = node.child("parameters")
        named = (yield from self._parameters(parameters)) if parameters else []
        yield from self._function(named, node.all("body"))

    def _comprehension(self, node: Node) -> Steps:
        clauses = node.of("for_in_clause", "if_clause")
        flow = self._flow
        sources = yield from self._reads(clauses[0].child("right"))  # alone is evaluated outside
        flow.open()
        yield from self._assign(clauses[0].child("left"), sources, declare=True)
        for clause in clauses[1:]:
            if clause.kind == "if_clause":
                yield clause
            else:
                sources = yield from self._reads(clause.child("right"))
                yield from self._assign(clause.child("left"), sources, declare=True)
        yield from node.all("body")
        flow.close()

    list_comprehension = set_comprehension = dictionary_comprehension = generator_expression = _comprehension

    # Control flow

    def if_statement(self, node: Node) -> Steps:
        flow = self._flow
        start, ends = flow.fork(), []
        for branch in [node, *node.of("elif_clause")]:
            yield from branch.all("condition")
            skipped = flow.changes(start)
            yield from branch.all("consequence")
            ends.append(flow.back(start))
            flow.join(skipped)
        yield from node.of("else_clause")
        flow.meet(start, flow.changes(start), *ends)

    def for_statement(self, node: Node) -> Steps:
        sources = yield from self._reads(node.child("right"))
        yield from self._loop(node, bind=lambda: self._assign(node.child("left"), sources), body=node.all("body"),
                              otherwise=node.all("alternative"))  # fmt: skip

    def while_statement(self, node: Node) -> Steps:
        yield from self._loop(node, node.all("condition"), body=node.all("body"), otherwise=node.all("alternative"),
                              endless=node.child("condition").kind == "true")  # fmt: skip

    raise_statement = PythonWrites.return_statement

    def try_statement(self, node: Node) -> Steps:
        handlers = [[clause] for clause in node.of("except_clause", "except_group_clause")]
        return self._try(node.all("body"), handlers, node.of("else_clause"), node.of("finally_clause"))

    def except_clause(self, node: Node) -> Steps:
        yield from node.children
        for pattern in node.of("as_pattern"):
            self._flow.forget(pattern.parts[1].children[0].text)  # Python deletes it here

    except_group_clause = except_clause

    def match_statement(self, node: Node) -> Steps:
        flow = self._flow
        sources = yield from self._reads(*node.all("subject"))
        start, ends = flow.fork(), []
        for case in node.child("body").of("case_clause"):
            untried = flow.changes(start)
            for pattern in case.of("case_pattern"):
                yield from self._capture(pattern, sources)
            yield from case.all("guard")
            tried = flow.changes(start)
            yield from case.all("consequence")
            ends.append(flow.back(start))
            flow.join(*(() if _matches_all(case) else (untried, tried)))
        flow.meet(start, flow.changes(start), *ends)

    # Definitions

    def decorated_definition(self, node: Node) -> Steps:
        sources = yield from self._reads(*node.of("decorator"))
        yield from self._define(node.child("definition"), sources)

    def function_definition(self, node: Node) -> Steps:
        return self._define(node, [])

    class_definition = function_definition

    def _define(self, node: Node, sources: list[int]) -> Steps:
        flow = self._flow
        name = node.child("name")
        if node.kind == "class_definition":
            sources = sources + (yield from self._reads(*node.all("superclasses")))
            flow.open("class")
            yield from node.all("body")
            flow.close()
            yield from self._assign(name, sources)
            return
        parameters = yield from self._parameters(node.child("parameters"))
        yield from node.all("return_type")
        yield from self._assign(name, sources)
        around = flow.scopes[-1]
        hidden = flow.swap(around) if around.kind == "class" else {}
        yield from self._function(parameters, node.all("body"))
        flow.restore(hidden)

    def _capture(self, pattern: Node, sources: list[int]) -> Steps:
        """Writes what a pattern of a `case` captures."""
        stack = [pattern]
        while stack:
            node = stack.pop()
            parts = node.parts
            if node.kind == "identifier" or (node.kind == "dotted_name" and len(node.children) == 1):
                yield from self._assign(node.children[0] if node.children else node, sources)
            elif node.kind == "dotted_name" or node.field == "key":
                yield node
            elif node.kind in ("class_pattern", "keyword_pattern"):
                yield from parts[:1] if node.kind == "class_pattern" else ()
                stack += reversed(parts[1:])
            else:
                stack += reversed(parts)


def _matches_all(case: Node) -> bool:
    patterns = case.of("case_pattern")
    if len(patterns) > 1 or case.child("guard"):
        return False
    inner = patterns[0].children[0]
    return inner.kind == "_" or (inner.kind == "dotted_name" and len(inner.children) == 1)
