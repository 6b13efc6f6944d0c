"""Variants of functions, made from their text (ContraBERT, arXiv 2301.09072)."""

import ast
from abc import abstractmethod
from random import Random

from lit_pretrain.part import Recorded


class Variation(Recorded):
    """Changes Python functions. Each class says whether what a function does stays the same."""

    def __call__(self, code: str, random: Random) -> str | None:
        """The variant; None: the code is no function in Python, or has no place where this change is safe."""
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        return self.vary(code, tree.body[0], random)

    @abstractmethod
    def vary(self, code: str, function: ast.FunctionDef | ast.AsyncFunctionDef, random: Random) -> str | None: ...
