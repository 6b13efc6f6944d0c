"""Functions with their descriptions out of source files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import tree_sitter

from lit_pretrain.datamodules.code.parse.documentation import Docstring, comment_above, docstring
from lit_pretrain.datamodules.code.parse.grammar import grammar, parser

FUNCTIONS = {
    "c": {"function_definition"},
    "cpp": {"function_definition"},
    "go": {"function_declaration", "method_declaration"},
    "java": {"method_declaration", "constructor_declaration", "compact_constructor_declaration"},
    "javascript": {"function_declaration", "generator_function_declaration", "method_definition", "variable_declarator",
                   "assignment_expression", "field_definition"},
    "python": {"function_definition"},
}  # fmt: skip
# What a function without a name may be given to: where its name is, and where the function.
GIVEN = {"variable_declarator": ("name", "value"), "assignment_expression": ("left", "right"),
         "field_definition": ("property", "value")}  # fmt: skip
NAMELESS = {"arrow_function", "function_expression", "generator_function"}
# What functions are held in under its name.
HOLDERS = {"class_definition", "class_declaration", "interface_declaration", "enum_declaration", "record_declaration",
           "class_specifier", "struct_specifier", "namespace_definition"}  # fmt: skip
# What belongs to a function that it holds; the latter three where they hold nothing else.
ALWAYS = {"decorated_definition", "template_declaration"}
ALONE = {"lexical_declaration", "variable_declaration", "expression_statement"}

Place = tuple[list[tree_sitter.Node], int]  # siblings, and which of them


@dataclass(frozen=True)
class Function:
    """A function or method.

    Args:
        name: its own.
        code: the text, moved to the left margin, without the docstring. Where that was all, `...` is in its place.
        doc: Python's docstring; in other languages the comment directly above; "" where there is none.
        path: the name with those of the classes and namespaces around it, such as "Stack.push".
    """

    name: str
    code: str
    doc: str
    path: str


def functions(text: str, language: str) -> list[Function]:
    """The functions of a file, in the order of the text.

    A function within a function is part of that one alone. Functions with a syntax error are left out, others of the same
    file are not. Declarations without a body are no functions. Half a character becomes "?".

    Raises:
        ValueError: functions are not found in this language.
    """
    if language not in FUNCTIONS:
        raise ValueError(f"no functions are found in {language!r}, only in {', '.join(FUNCTIONS)}: take whole files")
    source = text.encode("utf-8", "replace")
    return list(_found(parser(language).parse(source).root_node, source, language))


def _found(root: tree_sitter.Node, source: bytes, language: str) -> Iterator[Function]:
    # A place, the names around it, the outermost node that belongs to the function, and the place that comments are above.
    # The last two are None if they are the node and its place.
    stack: list[tuple[Place, tuple[str, ...], tree_sitter.Node | None, Place | None]] = [(([root], 0), (), None, None)]
    while stack:
        place, path, unit, above = stack.pop()
        node = place[0][place[1]]
        unit, above = unit or node, above or place
        if node.type in FUNCTIONS[language] and (name := _name(node)):
            if not unit.has_error:
                doc = docstring(node) if language == "python" else None
                text = comment_above(*above) if language != "python" else doc.text if doc else ""
                yield Function(name[-1], _code(unit, source, language, doc), text, ".".join((*path, *name)))
            continue
        if node.type in HOLDERS and (name := node.child_by_field_name("name")):
            path = (*path, *_spelled(name).split("::"))
        if node.type in ALWAYS or (node.type in ALONE and node.named_child_count == 1):
            kept = unit, above
        else:
            kept = None, above if node.type == "export_statement" else None
        children = node.children
        stack += [((children, j), path, *kept) for j in reversed(range(len(children))) if children[j].child_count]


def _name(node: tree_sitter.Node) -> tuple[str, ...]:
    """The function's name behind those of the classes that are spelled with it; (): no function with a body."""
    if node.type in GIVEN:
        left, right = (node.child_by_field_name(field) for field in GIVEN[node.type])
        if left is None or right is None or right.type not in NAMELESS or left.type.endswith("pattern"):
            return ()
        return (_spelled(left.child_by_field_name("property") or left),)
    if node.child_by_field_name("body") is None:
        return ()
    if name := node.child_by_field_name("name"):
        receiver = node.child_by_field_name("receiver")  # of Go
        of = re.findall(r"(\w+)(?:\[.*\])?\W*$", _spelled(receiver)) if receiver else []
        return (*of, _spelled(name))
    declarator = node.child_by_field_name("declarator")  # of C
    while declarator and declarator.type.endswith("_declarator"):
        declarator = declarator.child_by_field_name("declarator") or declarator.named_children[-1]
    return tuple(re.sub(r"<[^<>]*>", "", _spelled(declarator)).split("::")) if declarator else ()


def _code(unit: tree_sitter.Node, source: bytes, language: str, doc: Docstring | None) -> str:
    """The node's text without its docstring, each line moved by as much as the first is from the margin."""
    start, end = unit.start_byte, unit.end_byte
    line = source[source.rfind(b"\n", 0, start) + 1 : start]
    margin = line[: len(line) - len(line.lstrip())]
    edits = [(doc.start, doc.stop, b"..." if doc.alone else b"")] if doc else []
    fixed = [*_literals(unit, language), *((first, last) for first, last, _ in edits)] if margin else []
    newline = source.find(b"\n", start, end) if margin else -1
    while newline >= 0:
        first = newline + 1
        if source.startswith(margin, first) and not any(a < first <= b for a, b in fixed):
            edits.append((first, first + len(margin), b""))
        newline = source.find(b"\n", first, end)
    pieces = []
    for first, last, instead in sorted(edits):
        pieces += (source[start:first], instead)
        start = last
    return b"".join([*pieces, source[start:end]]).decode()


def _literals(unit: tree_sitter.Node, language: str) -> list[tuple[int, int]]:
    """First and last byte of the literals that go over several lines, whose lines must not move."""
    text, found, stack = grammar(language).text, [], [unit]
    while stack:
        node = stack.pop()
        if node.start_point.row == node.end_point.row:
            continue
        if text[node.kind_id]:
            found.append((node.start_byte, node.end_byte))
        else:
            stack += node.children
    return found


def _spelled(node: tree_sitter.Node) -> str:
    return " ".join(node.text.decode().split())
