"""What a parser says of a program. Legend: T leaves of the syntax tree, N nodes of its flattening, W variables, E edges."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Parsed:
    """A function, or a whole file that could not be parsed.

    Args:
        code: the text; without the docstring, where it had one.
        doc: what the function's author says of it in natural language; "" where that is nothing.
        language: such as "python".
        spans: (T, 2) int32, first byte and the byte after the last of each leaf in `code` as UTF-8, in the order of the
            text. White space between leaves belongs to none.
        kinds: (T,) uint8, the `Kind` of each leaf.
        tree: (N,) int32, the tree, flattened as `CodeBatch.tree` says; empty where the program could not be parsed.
        variables: (W,) int32, the leaves that are occurrences of variables.
        flow: (E, 2) int32, pairs (i, j) of numbers in `variables`: the value of i comes from j.
    """

    code: str
    doc: str
    language: str
    spans: np.ndarray
    kinds: np.ndarray
    tree: np.ndarray
    variables: np.ndarray
    flow: np.ndarray

    @staticmethod
    def plain(code: str, language: str, doc: str = "") -> "Parsed":
        """A program of which no more is known than its text."""
        none = np.empty(0, np.int32)
        return Parsed(code, doc, language, np.empty((0, 2), np.int32), np.empty(0, np.uint8), none, none,
                      np.empty((0, 2), np.int32))  # fmt: skip
