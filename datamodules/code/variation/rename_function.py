"""Another name for the function."""

import ast
import re
from random import Random

from lit_pretrain.datamodules.code.variation.base import Variation
from lit_pretrain.datamodules.code.variation.names import (
    fixed_names,
    free_names,
    places,
    reads_names,
    replace_names,
    split_lines,
)


class RenameFunction(Variation):
    """Gives the function a new name, also where it calls itself; what it does stays the same.

    Special methods (`__init__`) keep their names, as do functions whose name stands for something else as well.
    """

    def vary(self, code: str, function: ast.FunctionDef | ast.AsyncFunctionDef, random: Random) -> str | None:
        name, around = function.name, [function.args, *function.decorator_list]
        nodes = places(function)[name]
        inside = {other for part in ast.iter_child_nodes(function) for other in fixed_names(part)}
        attributes = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
        outside = {other for part in around for other in places(part)}  # is looked up before the function is there
        bound = any(not isinstance(node.ctx, ast.Load) for node in nodes)
        if name.startswith("__") or name in inside | attributes | outside or bound or reads_names(function):
            return None
        (new,) = free_names(code, 1, random)
        lines = split_lines(replace_names(code, nodes, {name: new}))
        head = re.compile(rf"(\bdef\s+){re.escape(name)}\b")
        lines[function.lineno - 1], count = head.subn(rf"\g<1>{new}", lines[function.lineno - 1], count=1)
        return "".join(lines) if count else None
