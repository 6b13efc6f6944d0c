"""Data flow of JavaScript."""

from collections.abc import Iterator
from typing import ClassVar

from lit_pretrain.datamodules.code.parse.data_flow.braces import BraceWalker
from lit_pretrain.datamodules.code.parse.data_flow.reaching import Scope
from lit_pretrain.datamodules.code.parse.data_flow.walker import Steps
from lit_pretrain.datamodules.code.parse.node import Node

GLOBALS = """Array ArrayBuffer BigInt Boolean DataView Date Error Function Infinity Intl JSON Map Math NaN Number Object
Promise Proxy RangeError ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError WeakMap WeakSet
arguments clearInterval clearTimeout console decodeURI decodeURIComponent document encodeURI encodeURIComponent eval exports
globalThis isFinite isNaN module parseFloat parseInt process require setInterval setTimeout window"""
DECLARATIONS = {"function_declaration", "generator_function_declaration"}


class JavaScriptWalker(BraceWalker):
    """JavaScript: `var` is the function's, `let` and `const` are the block's; names of functions and classes are variables.

    A function is defined where it stands, also where it is called before. Destructuring writes each name from all that is
    on the right, and from its default.
    """

    reads: ClassVar[frozenset[str]] = frozenset({"identifier", "shorthand_property_identifier"})
    builtins: ClassVar[frozenset[str]] = frozenset(GLOBALS.split())
    targets: ClassVar[frozenset[str]] = frozenset({"identifier", "shorthand_property_identifier_pattern"})
    groups: ClassVar[frozenset[str]] = frozenset({"array_pattern", "object_pattern", "rest_pattern", "formal_parameters",
                                                  "parenthesized_expression"})  # fmt: skip
    lists: ClassVar[frozenset[str]] = frozenset({"array", "array_pattern"})
    loops: ClassVar[frozenset[str]] = BraceWalker.loops | {"for_in_statement"}
    places: ClassVar[dict[str, tuple[str, ...]]] = {"member_expression": ("object",),
                                                    "subscript_expression": ("object", "index")}  # fmt: skip

    def augmented_assignment_expression(self, node: Node) -> Steps:
        return self._assignment(node.child("left"), node.child("right"), update=True)

    def lexical_declaration(self, node: Node) -> Steps:
        for declarator in node.of("variable_declarator"):
            scope = self._scope(node.children[0].kind)
            yield from self._declare(declarator.child("name"), declarator.child("value"), scope)

    variable_declaration = lexical_declaration

    def for_in_statement(self, node: Node) -> Steps:
        left, sources = node.child("left"), (yield from self._reads(node.child("right")))
        self._flow.open()
        scope = self._scope(node.child("kind").kind) if node.child("kind") else None
        yield from self._loop(node, bind=lambda: self._assign(left, sources, scope=scope), body=node.all("body"))
        self._flow.close()

    def switch_statement(self, node: Node) -> Steps:
        yield from node.all("value")
        cases = node.child("body").of("switch_case", "switch_default")
        has_default = any(case.kind == "switch_default" for case in cases)
        yield from self._scoped(self._switch([(case, True) for case in cases], has_default))

    def catch_clause(self, node: Node) -> Steps:
        self._flow.open()
        for parameter in node.all("parameter"):
            yield from self._assign(parameter, (), scope=self._flow.scopes[-1])
        yield from node.all("body")
        self._flow.close()

    def function_declaration(self, node: Node) -> Steps:
        """A function of any kind; only a declaration's name is known around it."""
        self._flow.open()
        names = [part for part in node.all("name") if part.kind == "identifier"]
        scope = self._flow.scopes[-2 if node.kind in DECLARATIONS else -1]
        for name in names:
            yield from self._assign(name, (), scope=scope)
        yield from node.of("computed_property_name")
        parameters = yield from self._parameters([*node.all("parameters"), *node.all("parameter")])
        yield from self._function(parameters, node.all("body"))
        self._flow.close()

    generator_function_declaration = function_expression = generator_function = function_declaration
    arrow_function = method_definition = function_declaration

    def class_declaration(self, node: Node) -> Steps:
        sources = yield from self._reads(*node.of("class_heritage"))
        for name in node.all("name"):
            yield from self._assign(name, sources, scope=self._flow.scopes[-1])
        yield from node.all("body")

    def class_(self, node: Node) -> Steps:
        return [part for part in node.children if part.field != "name"]

    def import_specifier(self, node: Node) -> Steps:
        return self._assign(node.child("alias") or node.child("name"), ())

    def import_clause(self, node: Node) -> Steps:
        for part in node.parts:
            yield from self._assign(part, ()) if part.kind == "identifier" else [part]

    namespace_import = import_clause

    def export_statement(self, node: Node) -> Steps:
        return () if node.child("source") else node.children

    def export_specifier(self, node: Node) -> Steps:
        return node.all("name")

    def _scope(self, word: str) -> Scope:
        """Where `let`, `const` or `var` declares."""
        return next(scope for scope in reversed(self._flow.scopes) if word != "var" or scope.kind == "function")

    def _simple(self, target: Node) -> Iterator[tuple[Node, Node | None]]:
        stack: list[tuple[Node, Node | None]] = [(target, None)]
        while stack:
            node, default = stack.pop()
            if node.kind in self.groups:
                stack += [(part, default) for part in reversed(node.parts)]
            elif node.kind == "pair_pattern":
                stack.append((node.child("value"), default))
            elif node.kind in ("assignment_pattern", "object_assignment_pattern"):
                stack.append((node.child("left"), node.child("right")))
            else:
                yield node, default
