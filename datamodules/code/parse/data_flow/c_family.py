"""Data flow of C and C++."""

from collections.abc import Iterator
from typing import ClassVar

from lit_pretrain.datamodules.code.parse.data_flow.braces import BraceWalker
from lit_pretrain.datamodules.code.parse.data_flow.walker import Steps
from lit_pretrain.datamodules.code.parse.node import Node

DECLARATORS = frozenset({"pointer_declarator", "array_declarator", "reference_declarator", "parenthesized_declarator",
                         "function_declarator", "init_declarator", "attributed_declarator"})  # fmt: skip
PARAMETERS = ("parameter_declaration", "optional_parameter_declaration", "variadic_parameter_declaration")


class CFamilyWalker(BraceWalker):
    """C and C++: `&x` and `cin >> x` may change x, so they read and write it; functions' names are variables.

    What is declared without a value is not written there. Macros, and names with `::`, are no variables; both sides of an
    `#if` run, one after the other.
    """

    groups: ClassVar[frozenset[str]] = frozenset({"parenthesized_expression", "structured_binding_declarator"})
    loops: ClassVar[frozenset[str]] = BraceWalker.loops | {"for_range_loop"}
    places: ClassVar[dict[str, tuple[str, ...]]] = {"field_expression": ("argument",), "pointer_expression": ("argument",),
                                                    "subscript_expression": ("argument", "index", "indices")}  # fmt: skip

    def nothing(self, node: Node) -> Steps:
        return ()

    preproc_def = preproc_function_def = preproc_include = preproc_call = preproc_undef = nothing
    qualified_identifier = using_declaration = namespace_alias_definition = attribute_declaration = nothing
    destructor_name = operator_name = attribute_specifier = goto_statement = nothing

    def preproc_ifdef(self, node: Node) -> Steps:
        return [part for part in node.children if part.field not in ("name", "condition")]

    preproc_if = preproc_elif = preproc_elifdef = preproc_ifdef

    def template_function(self, node: Node) -> Steps:
        return node.all("arguments")

    # Expressions

    def pointer_expression(self, node: Node) -> Steps:
        argument = node.child("argument")
        return self._assign(argument, (), update=True) if node.child("operator").kind == "&" else [argument]

    def binary_expression(self, node: Node) -> Steps:
        first = node
        while first.kind == "binary_expression" and first.child("operator").kind == ">>":
            first = first.child("left")
        if first is not node and "cin" in (first.text, *(name.text for name in first.all("name"))):
            yield node.child("left")
            yield from self._assign(node.child("right"), (), update=True)
        else:
            yield from super().binary_expression(node)

    def lambda_expression(self, node: Node) -> Steps:
        yield from node.all("captures")
        declarator = node.child("declarator")
        parameters = (yield from self._arguments(declarator)) if declarator else []
        yield from self._function(parameters, node.all("body"))

    def lambda_capture_initializer(self, node: Node) -> Steps:
        return self._declare(node.child("left"), node.child("right"))

    # Declarations

    def declaration(self, node: Node) -> Steps:
        for declarator in node.all("declarator"):
            value = declarator.child("value") or node.child("value")
            name = _innermost(declarator)
            inside = declarator
            while inside is not name:
                yield from inside.all("size")
                yield from inside.all("parameters")
                inside = _inside(inside)
            if name.kind == "identifier" or name.kind in self.groups:
                yield from self._declare(name, value)
            elif value:
                yield value
        yield from [part for part in node.children if part.field not in ("declarator", "value")]

    def parameter_list(self, node: Node) -> Steps:
        """Of a declaration without a body."""
        return self._scoped(node.children)

    def parameter_declaration(self, node: Node) -> Steps:
        sources = yield from self._reads(*node.all("default_value"))
        for leaf in _named(node):
            yield from self._assign(leaf, sources, scope=self._flow.scopes[-1])

    optional_parameter_declaration = parameter_declaration

    def enumerator(self, node: Node) -> Steps:
        sources = yield from self._reads(*node.all("value"))
        yield from self._assign(node.child("name"), sources, scope=self._flow.scopes[-1])

    def function_definition(self, node: Node) -> Steps:
        declarator = node.child("declarator")
        while declarator.kind in DECLARATORS and not declarator.child("parameters"):
            declarator = _inside(declarator)
        name = _innermost(declarator)
        if name.kind == "identifier":
            yield from self._assign(name, (), scope=self._flow.scopes[-1])
        parameters = yield from self._arguments(declarator)
        yield from self._function(parameters, [*node.of("field_initializer_list", "try_statement"), *node.all("body")])

    def _arguments(self, declarator: Node) -> Steps:
        found = []
        for parameter in [each for several in declarator.all("parameters") for each in several.of(*PARAMETERS)]:
            default = yield from self._reads(*parameter.all("default_value"))
            found += [(leaf, default) for leaf in _named(parameter)]
        return found

    # Control flow

    def if_statement(self, node: Node) -> Steps:
        return self._scoped(super().if_statement(node))

    def for_range_loop(self, node: Node) -> Steps:
        self._flow.open()
        scope = self._flow.scopes[-1]
        yield from node.all("initializer")
        sources = yield from self._reads(node.child("right"))
        target = _innermost(node.child("declarator"))
        yield from self._loop(node, bind=lambda: self._assign(target, sources, scope=scope), body=node.all("body"))
        self._flow.close()

    def switch_statement(self, node: Node) -> Steps:
        yield from node.all("condition")
        cases = node.child("body").of("case_statement")
        has_default = any(not case.child("value") for case in cases)
        yield from self._scoped(self._switch([(case, True) for case in cases], has_default))

    def catch_clause(self, node: Node) -> Steps:
        self._flow.open()
        for parameters in node.all("parameters"):
            yield from parameters.children
        yield from node.all("body")
        self._flow.close()


def _inside(declarator: Node) -> Node:
    return declarator.child("declarator") or declarator.parts[-1]


def _innermost(declarator: Node) -> Node:
    while declarator.kind in DECLARATORS:
        declarator = _inside(declarator)
    return declarator


def _named(parameter: Node) -> Iterator[Node]:
    for declarator in parameter.all("declarator"):
        if (name := _innermost(declarator)).kind == "identifier":
            yield name
