"""Sentences whose words have tags, one word a line, as the CoNLL shared tasks have them."""

from collections.abc import Iterator
from typing import NamedTuple

from lit_pretrain.datamodules.files import changes, find
from lit_pretrain.datamodules.lines import text_lines
from lit_pretrain.datamodules.split import digest
from lit_pretrain.part import Recorded

SUFFIXES = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".tsv", ".txt")


class Sentence(NamedTuple):
    """Words and, of each, its tag."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


class Columns(Recorded):
    """Local files of lines such as `London<TAB>B-location`; an empty line ends a sentence, lines that begin with # and a
    space are comments.

    Args:
        train, validation, test: a path, folder or glob, or a list of them; None: no such split.
        word, tag: the columns, from 0; below 0 from the last one.
        separator: between columns; None: any white space.
    """

    def __init__(
        self,
        train: str | list[str],
        validation: str | list[str] | None = None,
        test: str | list[str] | None = None,
        *,
        word: int = 0,
        tag: int = -1,
        separator: str | None = "\t",
    ):
        self.paths = {"train": train, "validation": validation, "test": test}
        self.word, self.tag, self.separator = word, tag, separator

    def sentences(self, split: str) -> Iterator[Sentence]:
        """Of a split, in the order of the files.

        Raises:
            ValueError: a line lacks a column, or is not UTF-8.
        """
        for path in find(self.paths[split], SUFFIXES, f"{split} files"):
            rows: list[tuple[str, str]] = []
            for number, raw in text_lines(path):
                line = raw.rstrip("\r\n")
                if line.startswith("# "):
                    continue
                if line.strip():
                    cells = line.split(self.separator)
                    try:
                        rows.append((cells[self.word].strip(), cells[self.tag].strip()))
                    except IndexError as error:
                        raise ValueError(f"{path}, line {number}: {line[:60]!r} has {len(cells)} columns and is asked for"
                                         f" {self.word} and {self.tag}") from error  # fmt: skip
                elif rows:
                    yield Sentence(*zip(*rows, strict=True))
                    rows = []
            if rows:
                yield Sentence(*zip(*rows, strict=True))

    def fingerprint(self, split: str) -> str:
        how = (split, self.word, self.tag, self.separator)
        return digest(changes(find(self.paths[split], SUFFIXES, f"{split} files")), how)
