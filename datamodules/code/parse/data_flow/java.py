"""Data flow of Java."""

from typing import ClassVar

from lit_pretrain.datamodules.code.parse.data_flow.braces import BraceWalker
from lit_pretrain.datamodules.code.parse.data_flow.walker import Steps
from lit_pretrain.datamodules.code.parse.node import Node


class JavaWalker(BraceWalker):
    """Java: methods and classes are no variables; a field is one where it is named without `this`.

    A variable that is declared without a value is not written there.
    """

    loops: ClassVar[frozenset[str]] = BraceWalker.loops | {"enhanced_for_statement"}
    places: ClassVar[dict[str, tuple[str, ...]]] = {"array_access": ("array", "index"), "field_access": ("object",)}

    def nothing(self, node: Node) -> Steps:
        return ()

    package_declaration = import_declaration = marker_annotation = scoped_identifier = module_declaration = nothing

    def annotation(self, node: Node) -> Steps:
        return node.all("arguments")

    def element_value_pair(self, node: Node) -> Steps:
        return node.all("value")

    def field_access(self, node: Node) -> Steps:
        return node.all("object")

    def method_invocation(self, node: Node) -> Steps:
        return [*node.all("object"), *node.all("arguments")]

    def method_reference(self, node: Node) -> Steps:
        return node.children[:1]

    def enum_constant(self, node: Node) -> Steps:
        return [*node.all("arguments"), *node.all("body")]

    def class_declaration(self, node: Node) -> Steps:
        fields = yield from self._parameters(node.all("parameters"))  # of a record
        yield from self._function(fields, node.all("body"))

    interface_declaration = enum_declaration = record_declaration = annotation_type_declaration = class_declaration

    def method_declaration(self, node: Node) -> Steps:
        yield from node.of("modifiers")
        parameters = yield from self._parameters(node.all("parameters"))
        yield from self._function(parameters, node.all("body"))

    constructor_declaration = compact_constructor_declaration = method_declaration

    def lambda_expression(self, node: Node) -> Steps:
        parameters = yield from self._parameters(node.all("parameters"))
        yield from self._function(parameters, node.all("body"))

    def variable_declarator(self, node: Node) -> Steps:
        return self._declare(node.child("name"), node.child("value"))

    def resource(self, node: Node) -> Steps:
        name = node.child("name")
        return self._declare(name, node.child("value")) if name else node.children

    def instanceof_expression(self, node: Node) -> Steps:
        sources = yield from self._reads(*node.all("left"))
        for name in node.all("name"):
            yield from self._assign(name, sources, scope=self._flow.scopes[-1])
        yield from node.all("pattern")

    def record_pattern(self, node: Node) -> Steps:
        return node.of("record_pattern_body")

    def record_pattern_component(self, node: Node) -> Steps:
        for part in node.parts[-1:]:
            yield from self._assign(part, (), scope=self._flow.scopes[-1]) if part.kind == "identifier" else [part]

    type_pattern = catch_formal_parameter = record_pattern_component

    def class_body(self, node: Node) -> Steps:
        return self._scoped(node.children)

    catch_clause = class_body

    def enhanced_for_statement(self, node: Node) -> Steps:
        name, sources = node.child("name"), (yield from self._reads(node.child("value")))
        self._flow.open()
        scope = self._flow.scopes[-1]
        yield from self._loop(node, bind=lambda: self._assign(name, sources, scope=scope), body=node.all("body"))
        self._flow.close()

    try_with_resources_statement = BraceWalker.try_statement

    def switch_expression(self, node: Node) -> Steps:
        yield from node.all("condition")
        cases = node.child("body").of("switch_block_statement_group", "switch_rule")
        labels = [label for case in cases for label in case.of("switch_label")]
        has_default = any(part.kind == "default" for label in labels for part in label.children)
        falls = [(case, case.kind == "switch_block_statement_group") for case in cases]
        yield from self._scoped(self._switch(falls, has_default))

    def yield_statement(self, node: Node) -> Steps:
        yield from node.children
        self._jump(is_break=True)

    def _simple(self, target: Node) -> Steps:
        if target.kind in ("formal_parameters", "inferred_parameters"):
            for parameter in target.parts:
                declarator = next(iter(parameter.of("variable_declarator")), parameter)
                yield declarator.child("name") or declarator, None
        else:
            yield from super()._simple(target)
