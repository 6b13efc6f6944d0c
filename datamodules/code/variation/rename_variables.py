"""Other names for variables."""

import ast
from random import Random

from lit_pretrain.datamodules.code.variation.base import Variation
from lit_pretrain.datamodules.code.variation.names import (
    fixed_names,
    free_names,
    global_names,
    places,
    reads_names,
    replace_names,
)


class RenameVariables(Variation):
    """Gives local variables new names; what the function does stays the same.

    Parameters keep their names, since they may be given by name.

    Args:
        rate: the chance of each variable; one at least is renamed.
    """

    def __init__(self, rate: float = 1.0):
        super().__init__()
        if not 0 < rate <= 1:
            raise ValueError(f"rate={rate}: the chance of a variable must be above 0 and at most 1")
        self.rate = rate

    def vary(self, code: str, function: ast.FunctionDef | ast.AsyncFunctionDef, random: Random) -> str | None:
        if reads_names(function):
            return None
        fixed, found = fixed_names(function) | global_names(code), places(function)
        local = [name for name, nodes in found.items() if name not in fixed and not name.startswith("__")
                 and any(isinstance(node.ctx, ast.Store) for node in nodes)]  # fmt: skip
        if not local:
            return None
        chosen = [name for name in local if random.random() < self.rate] or [random.choice(local)]
        new = dict(zip(chosen, free_names(code, len(chosen), random), strict=True))
        return replace_names(code, [node for name in chosen for node in found[name]], new)
