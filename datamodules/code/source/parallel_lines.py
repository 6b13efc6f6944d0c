"""Pairs of programs that do the same in two languages, such as CodeXGLUE's Java and C#."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.files import changes, find
from lit_pretrain.datamodules.lines import lines
from lit_pretrain.datamodules.split import digest


class ParallelLines(Source):
    """A function a line in two files of equally many lines; the second file's is the `target` of the first's.

    Args:
        train, validation, test: paths without the suffix, such as `code/java_cs/train`; None: no such split.
        suffixes: of the file to translate from and of that to translate into.
        language: of the programs to translate from.
    """

    def __init__(
        self,
        train: str,
        validation: str | None = None,
        test: str | None = None,
        *,
        suffixes: tuple[str, str] = (".java", ".cs"),
        language: str = "java",
    ):
        super().__init__()
        self.stems = {"train": train, "validation": validation, "test": test}
        self.suffixes, self.language = tuple(suffixes), language

    def programs(self, split: str) -> Iterator[Program]:
        self.counts.clear()
        if self.stems[split] is None:
            return
        ours, theirs = self.files(split)
        for number, pair in enumerate(zip_longest(lines(ours), lines(theirs)), 1):
            if None in pair:
                raise ValueError(f"{(ours, theirs)[pair.index(None)]} ends before line {number}, the other file of the pair"
                                 " goes on: they must be of equally many lines")  # fmt: skip
            text, target = (line.decode("utf-8", "replace").rstrip("\r\n") for line in pair)
            if text.strip() and target.strip():
                yield Program(text, self.language, target=target)
            else:
                self.counts["half of a pair"] += 1

    def fingerprint(self, split: str) -> str:
        files = [] if self.stems[split] is None else self.files(split)
        return digest(changes(files), split, self.language)

    def files(self, split: str) -> list[Path]:
        """The two files of a split.

        Raises:
            ValueError: one of them does not exist.
        """
        return [find(self.stems[split] + suffix, (suffix,), f"{split} file")[0] for suffix in self.suffixes]
