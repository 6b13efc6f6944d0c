"""Functions without one of their statements."""

import ast
from random import Random

from lit_pretrain.datamodules.code.variation.base import Variation
from lit_pretrain.datamodules.code.variation.names import places, split_lines
from lit_pretrain.datamodules.code.variation.statements import SIMPLE, lines_of


class DeleteStatement(Variation):
    """Leaves a simple statement out: the function goes on to be one, but does something else (the paper's sampling)."""

    def vary(self, code: str, function: ast.FunctionDef | ast.AsyncFunctionDef, random: Random) -> str | None:
        found = lines_of(code, function)
        count = [line.block for line in found]
        held = {name for node in ast.walk(function) if isinstance(node, ast.Nonlocal) for name in node.names}
        chosen = [line for line in found if isinstance(line.node, SIMPLE) and count.count(line.block) > 1
                  and not held & set(places(line.node))]  # fmt: skip
        if not chosen:
            return None
        line = random.choice(chosen)
        lines = split_lines(code)
        return "".join([*lines[: line.first], *lines[line.last + 1 :]])
