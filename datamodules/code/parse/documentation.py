"""What authors say of their functions: docstrings, and comments above."""

import ast
import inspect
import re
import warnings
from dataclasses import dataclass

import tree_sitter

DIRECTIVE = re.compile(r"//(\w+:\w|\s*(eslint|clang-format|NOLINT|nolint|@ts-))")  # to a tool, not to the reader


@dataclass(frozen=True)
class Docstring:
    """A Python docstring and where it stands: the bytes of its statement, and of what separates it from the next one.

    Args:
        text: with its indentation removed.
        start: first byte.
        stop: the byte after the last.
        alone: whether nothing else is in the body.
    """

    text: str
    start: int
    stop: int
    alone: bool


def docstring(function: tree_sitter.Node) -> Docstring | None:
    """The docstring of a Python function, as Python itself would read it."""
    statements = function.child_by_field_name("body").named_children
    first = next((i for i, statement in enumerate(statements) if statement.type != "comment"), None)
    if first is None or statements[first].type != "expression_statement":
        return None
    statement = statements[first]
    if statement.named_child_count != 1 or statement.named_children[0].type not in ("string", "concatenated_string"):
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes that Python does not know
            text = ast.literal_eval(statement.text.decode())
    except (SyntaxError, ValueError):  # not a constant
        return None
    if not isinstance(text, str):
        return None
    # An escape may stand for half a character, which has no UTF-8.
    text = inspect.cleandoc(text).encode("utf-8", "ignore").decode()
    rest = statements[first + 1 :]
    alone = all(other.type == "comment" for other in rest)
    return Docstring(text, statement.start_byte, statement.end_byte if alone else rest[0].start_byte, alone)


def comment_above(siblings: list[tree_sitter.Node], i: int) -> str:
    """The text of the block comment, or of the comments to the end of the line, that end on the line above a node."""
    lines: list[str] = []
    row = siblings[i].start_point.row
    for j in range(i - 1, -1, -1):
        comment = siblings[j]
        if "comment" not in comment.type or comment.end_point.row != row - 1:
            break
        if j and siblings[j - 1].end_point.row == comment.start_point.row:  # behind something else
            break
        spelled = comment.text.decode()
        if spelled.startswith("/*"):
            if not lines:
                inside = spelled.removeprefix("/*").removesuffix("*/").lstrip("*!")
                lines = [re.sub(r"^\s*\*+ ?", "", line).rstrip() for line in inside.split("\n")]
            break
        if not DIRECTIVE.match(spelled):
            lines.insert(0, re.sub(r"^//+[/!<]* ?", "", spelled).rstrip())
        row = comment.start_point.row
    return inspect.cleandoc("\n".join(lines)).strip()
