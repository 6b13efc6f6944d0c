"""Programs with what a parser knows of them."""

import numpy as np

from lit_pretrain.datamodules.code.parse.data_flow.c_family import CFamilyWalker
from lit_pretrain.datamodules.code.parse.data_flow.go import GoWalker
from lit_pretrain.datamodules.code.parse.data_flow.java import JavaWalker
from lit_pretrain.datamodules.code.parse.data_flow.javascript import JavaScriptWalker
from lit_pretrain.datamodules.code.parse.data_flow.python import PythonWalker
from lit_pretrain.datamodules.code.parse.data_flow.walker import Walker
from lit_pretrain.datamodules.code.parse.flattening import flatten
from lit_pretrain.datamodules.code.parse.grammar import node_types
from lit_pretrain.datamodules.code.parse.parsed import Parsed
from lit_pretrain.datamodules.code.parse.tree import read

WALKERS: dict[str, type[Walker]] = {"c": CFamilyWalker, "cpp": CFamilyWalker, "go": GoWalker, "java": JavaWalker,
                                   "javascript": JavaScriptWalker, "python": PythonWalker}  # fmt: skip


def parse(code: str, language: str, doc: str = "", types: tuple[str, ...] | None = None) -> Parsed:
    """The syntax tree of a program, and the data flow between its variables.

    A program with a syntax error stays plain text. A method needs no class around it. A language without a walker in
    `data_flow` has no variables.

    Args:
        code: a function or file.
        language: such as "python".
        doc: its description.
        types: names of the types of inner nodes, whose numbers are in `tree`; None: `node_types` of the language.

    Raises:
        ValueError: there is no grammar for the language, `types` lacks types of its nodes, or the code has half a character.
    """
    types = node_types((language,)) if types is None else types
    try:
        source = code.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start} of the code, {code[error.start]!a}, has no UTF-8: "
                         "read files with errors='replace'") from error  # fmt: skip
    tree = read(source, language, types)
    if tree is None:
        return Parsed.plain(code, language, doc)
    walker = WALKERS.get(language)
    variables, flow = walker().edges(tree.root) if walker else (np.empty(0, np.int32), np.empty((0, 2), np.int32))
    return Parsed(code, doc, language, np.array(tree.borders, np.int32).reshape(-1, 2), np.array(tree.kinds, np.uint8),
                  np.array(flatten(tree.root), np.int32), variables, flow)  # fmt: skip
