"""Real English on every machine: what the running Python says of itself."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache

from lit_pretrain.datamodules.standard_library import fingerprint, modules, split_of
from lit_pretrain.datamodules.text.source.base import Document, Source


class StandardLibrary(Source):
    """The reference topics of `pydoc_data.topics` and the docstrings of the standard library; nothing is downloaded.

    Docstrings are read from source, no module is imported. The label of a docstring is the top-level package that it
    documents; packages with few docstrings, and the topics, are unlabelled. A document's split follows from its text,
    so a docstring never moves: 80 % train, 10 % validation, 10 % test; topics are for training.

    Args:
        min_characters: shorter docstrings are left out.
        min_per_class: packages with fewer docstrings are unlabelled.
    """

    def __init__(self, min_characters: int = 60, min_per_class: int = 60):
        self.min_characters, self.min_per_class = min_characters, min_per_class

    def documents(self, split: str) -> Iterator[Document]:
        from pydoc_data.topics import topics

        docstrings = _docstrings(self.min_characters)
        counts = Counter(package for _, package in docstrings)
        if split == "train":
            for _, text in sorted(topics.items()):
                yield Document(text)
        for text, package in docstrings:
            if split_of(text) == split:
                yield Document(text, package if counts[package] >= self.min_per_class else None)

    def fingerprint(self, split: str) -> str:
        return f"{fingerprint()}-{self.min_characters}-{self.min_per_class}-{split}"


@cache
def _docstrings(min_characters: int) -> tuple[tuple[str, str], ...]:
    """(docstring, top-level package), each text once."""
    found: dict[str, str] = {}
    for path, package in modules():
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError, OSError):  # templates and files of other encodings
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                # An escape in a docstring may stand for half a character, which has no UTF-8.
                text = (ast.get_docstring(node) or "").encode("utf-8", "ignore").decode()
                if len(text) >= min_characters:
                    found.setdefault(text, package)
    return tuple(found.items())
