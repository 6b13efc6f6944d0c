"""Statements of Python functions that stand on lines of their own."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from lit_pretrain.datamodules.code.variation.names import split_lines

SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Assert, ast.Delete)


@dataclass(frozen=True)
class Line:
    """A statement with no other on its lines.

    Args:
        node: the statement.
        first, last: its lines, from 0; a comment behind it belongs to it.
        margin: the white space in front of it.
        block: which of the function's blocks it stands in.
        guarded: whether it stands in a `try`, where an exception may be caught, or in a `with`.
    """

    node: ast.stmt
    first: int
    last: int
    margin: str
    block: int
    guarded: bool


def lines_of(code: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[Line]:
    """The statements in the function's body and in the blocks of its branches and loops, in the order of the text."""
    lines = split_lines(code)
    found = []
    for number, (block, guarded) in enumerate(_blocks(function, False)):
        taken = [(s.lineno, s.end_lineno or s.lineno) for s in block]
        for i, node in enumerate(block):
            first, last = taken[i]
            decorators = getattr(node, "decorator_list", [])
            first = decorators[0].lineno if decorators else first
            alone = all(other[1] < first or other[0] > last for j, other in enumerate(taken) if j != i)
            margin = lines[first - 1][: len(lines[first - 1]) - len(lines[first - 1].lstrip())]
            tail = lines[last - 1].encode()[node.end_col_offset :].decode().strip()
            starts = (isinstance(node, SIMPLE) and len(margin.encode()) == node.col_offset) or not isinstance(node, SIMPLE)
            if alone and starts and margin and (not tail or tail.startswith("#")) and _begins(lines, first, margin):
                found.append(Line(node, first - 1, last - 1, margin, number, guarded))
    return found


def _begins(lines: list[str], first: int, margin: str) -> bool:
    """Whether line `first`, from 1, is no continuation of the one before."""
    return first == 1 or not lines[first - 2].rstrip("\r\n").endswith("\\")


def _blocks(node: ast.AST, guarded: bool) -> Iterator[tuple[list[ast.stmt], bool]]:
    """Blocks of statements below a node, without those of functions and classes in it."""
    guarded = guarded or isinstance(node, ast.Try | ast.TryStar | ast.With | ast.AsyncWith)
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, [])
        if isinstance(block, list) and block:
            yield block, guarded
            for child in block:
                if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    yield from _blocks(child, guarded)
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield from _blocks(part, guarded)
