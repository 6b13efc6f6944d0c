"""Statements in another order."""

import ast
from itertools import pairwise
from random import Random

from lit_pretrain.datamodules.code.variation.base import Variation
from lit_pretrain.datamodules.code.variation.names import fixed_names, places, reads_names, split_lines
from lit_pretrain.datamodules.code.variation.statements import SIMPLE, Line, lines_of


class ReorderStatements(Variation):
    """Swaps two neighbours, one of which sets a local variable to a constant or a parameter, which the other does not
    need; what the function does stays the same."""

    def vary(self, code: str, function: ast.FunctionDef | ast.AsyncFunctionDef, random: Random) -> str | None:
        if reads_names(function):
            return None
        lines = split_lines(code)
        local, given = _local(function)
        pairs = [(a, b) for a, b in pairwise(lines_of(code, function))
                 if a.block == b.block and a.last + 1 == b.first and not a.guarded
                 and all(isinstance(line.node, SIMPLE) for line in (a, b))
                 and a.node is not function.body[0]
                 and (_free(a, b, local, given) or _free(b, a, local, given))]  # fmt: skip
        if not pairs:
            return None
        a, b = random.choice(pairs)
        last = lines[b.first : b.last + 1]
        if not last[-1].endswith("\n"):  # of the function
            last[-1] += "\n"
            lines[a.last] = lines[a.last].rstrip("\r\n")
        return "".join([*lines[: a.first], *last, *lines[a.first : a.last + 1], *lines[b.last + 1 :]])


def _local(function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[set[str], set[str]]:
    """Variables and parameters that are seen in no function within the function, and the parameters that always have a
    value."""
    inner = [node for node in ast.walk(function) if node is not function and isinstance(
        node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.GeneratorExp | ast.ListComp
        | ast.SetComp | ast.DictComp)]  # fmt: skip
    seen = {name for node in inner for name in (*places(node), *fixed_names(node))}
    outer = {name for node in ast.walk(function) if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    where = places(function)
    bound = {name for name, nodes in where.items() if any(isinstance(node.ctx, ast.Store) for node in nodes)}
    gone = {name for name, nodes in where.items() if any(isinstance(node.ctx, ast.Del) for node in nodes)}
    given = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)} - seen - gone
    return (bound | given) - seen - outer, given


def _free(quiet: Line, other: Line, local: set[str], given: set[str]) -> bool:
    """Whether `quiet` only sets a local variable to what nothing changes, and the other neither needs nor changes any of it.

    The other may do anything else, even fail: no one sees a local variable of a function that has failed outside of `try`.
    """
    node = quiet.node
    if not isinstance(node, ast.Assign) or not all(isinstance(target, ast.Name) for target in node.targets):
        return False
    read = set(places(node.value))
    own = read | {target.id for target in node.targets if isinstance(target, ast.Name)}
    return _still(node.value) and read <= given and own <= local and not own & set(places(other.node))


def _still(value: ast.expr) -> bool:
    """Whether the value is a constant, a variable, or a tuple or list of such."""
    if isinstance(value, ast.Tuple | ast.List):
        return all(map(_still, value.elts))
    return isinstance(value, ast.Constant | ast.Name)
