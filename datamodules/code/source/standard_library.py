"""Real Python on every machine: the functions of the running Python."""

from collections import Counter
from collections.abc import Iterator
from functools import cache

from lit_pretrain.datamodules.code.parse.functions import functions
from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.standard_library import fingerprint, modules, split_of


class StandardLibrary(Source):
    """The functions and methods of the standard library with their docstrings; nothing is downloaded.

    They are read from source, no module is imported. The label of a function is the top-level package that it belongs
    to; packages with few functions are unlabelled. Its split follows from its code, so it never moves and no copy of it
    is in another split: 80 % train, 10 % validation, 10 % test.

    Args:
        min_characters: shorter functions are left out.
        min_per_class: packages with fewer functions are unlabelled.
    """

    def __init__(self, min_characters: int = 100, min_per_class: int = 100):
        super().__init__()
        self.min_characters, self.min_per_class = min_characters, min_per_class

    def programs(self, split: str) -> Iterator[Program]:
        found = _functions(self.min_characters)
        packages = Counter(package for _, _, package in found)
        for code, doc, package in found:
            if split_of(code) == split:
                yield Program(code, "python", package if packages[package] >= self.min_per_class else None, doc)

    def fingerprint(self, split: str) -> str:
        return digest(fingerprint(), self.min_characters, self.min_per_class, split)


@cache
def _functions(min_characters: int) -> tuple[tuple[str, str, str], ...]:
    """(code, doc, top-level package), each code once."""
    found: dict[str, tuple[str, str, str]] = {}
    for path, package in modules():
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):  # files of other encodings
            continue
        for function in functions(text, "python"):
            if len(function.code) >= min_characters:
                found.setdefault(function.code, (function.code, function.doc, package))
    return tuple(found.values())
