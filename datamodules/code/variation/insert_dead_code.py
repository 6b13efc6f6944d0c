"""Statements that do nothing."""

import ast
from random import Random

from lit_pretrain.datamodules.code.variation.base import Variation
from lit_pretrain.datamodules.code.variation.names import free_names, reads_names, split_lines
from lit_pretrain.datamodules.code.variation.statements import lines_of

DEAD = (
    "{name} = {number}",
    "{name} = []",
    "{name} = None",
    "if False:\n{margin}    {name} = {number}",
    "while False:\n{margin}    {name} = {number}",
    "for {name} in ():\n{margin}    pass",
    "if not True:\n{margin}    {name} = []",
)


class InsertDeadCode(Variation):
    """Puts a statement that does nothing in front of another; what the function does stays the same."""

    def vary(self, code: str, function: ast.FunctionDef | ast.AsyncFunctionDef, random: Random) -> str | None:
        if reads_names(function):
            return None
        # The first may be a docstring; an `elif` is an `if` that must stay where it is.
        kept = [line for line in lines_of(code, function) if line.node is not function.body[0]
                and not isinstance(line.node, ast.Global | ast.Nonlocal)]  # fmt: skip
        lines = split_lines(code)
        kept = [line for line in kept if not lines[line.first].lstrip().startswith("elif")]
        if not kept:
            return None
        line = random.choice(kept)
        (name,) = free_names(code, 1, random)
        dead = random.choice(DEAD).format(name=name, number=random.randrange(100), margin=line.margin)
        return "".join([*lines[: line.first], f"{line.margin}{dead}\n", *lines[line.first :]])
