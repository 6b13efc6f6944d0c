"""Programs in JSON lines: CodeSearchNet, CodeXGLUE, MBPP and the like."""

from collections.abc import Iterator
from pathlib import Path

from lit_pretrain.datamodules.code.source.base import Program, Source, check_one, language_of
from lit_pretrain.datamodules.files import changes, find
from lit_pretrain.datamodules.lines import any_field, good, json_lines, text_field
from lit_pretrain.datamodules.split import digest, of_split

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".json.gz")


class JSONLines(Source):
    """A program a line, in plain or packed files.

    For CodeSearchNet `code` is `func_code_string` and `doc` is `func_documentation_string`; for MBPP `doc` is `text`.
    Bad rows (invalid UTF-8, half a line, no such field) are skipped, counted and named in a warning; too many of them
    stop the run.

    Args:
        train, validation, test: a path, folder or glob, or a list of them.
        folder: what these are relative to.
        language: of all programs, or with `language_field` of none.
        code: the field with the code.
        doc, label, target, language_field: fields with what else is known of it; None: nothing.
        relevance: field that is 1 where `doc` describes the code and 0 where it does not (CoSQA); in the latter case the
            program comes without it. None: all describe theirs.
        is_file: each function of a program becomes an example, and `doc` belongs to its first one; otherwise the program.
        validation_fraction: without `validation`, this share of the training programs: every n-th.
        max_bad: the largest share of bad rows.
    """

    def __init__(
        self,
        train: str | list[str],
        validation: str | list[str] | None = None,
        test: str | list[str] | None = None,
        *,
        folder: str = ".",
        language: str | None = "python",
        code: str = "code",
        doc: str | None = None,
        label: str | None = None,
        target: str | None = None,
        language_field: str | None = None,
        relevance: str | None = None,
        is_file: bool = False,
        validation_fraction: float = 0.0,
        max_bad: float = 0.01,
    ):
        super().__init__()
        check_one(language, language_field)
        if not 0 <= validation_fraction <= 0.5:
            raise ValueError(f"validation_fraction={validation_fraction} must be a share of at most 0.5")
        self.folder, self.paths = Path(folder).expanduser(), {"train": train, "validation": validation, "test": test}
        self.language, self.code, self.doc, self.label, self.target = language, code, doc, label, target
        self.language_field, self.relevance, self.is_file = language_field, relevance, is_file
        self.validation_fraction, self.max_bad = validation_fraction, max_bad

    def programs(self, split: str) -> Iterator[Program]:
        fraction = self.validation_fraction if self.paths["validation"] is None else 0.0
        return of_split(split, self._read, fraction)

    def fingerprint(self, split: str) -> str:
        """Paths, sizes and times of change, and how they are read."""
        own = "train" if split == "validation" and self.paths[split] is None else split
        fields = (self.language, self.code, self.doc, self.label, self.target, self.language_field, self.relevance)
        return digest(changes(self.files(own)), split, fields, self.is_file, self.validation_fraction)

    def files(self, split: str) -> list[Path]:
        """The files of a split, see `find`."""
        given = self.paths[split] or []
        names = [str(self.folder / name) for name in ([given] if isinstance(given, str) else given)]
        return find(names, SUFFIXES, f"{split} files")

    def _read(self, split: str) -> Iterator[Program]:
        for path in self.files(split):
            yield from good(json_lines(path, self._program), path, self.max_bad)

    def _program(self, row: dict) -> Program:
        language = self.language if self.language_field is None else language_of(text_field(row, self.language_field))
        label = None if self.label is None else any_field(row, self.label)
        doc, target = (None if name is None else text_field(row, name) for name in (self.doc, self.target))
        if self.relevance is not None and not _is_one(row, self.relevance):
            doc = None
        return Program(text_field(row, self.code), language, None if label is None else str(label), doc, target,
                       self.is_file)  # fmt: skip


def _is_one(row: dict, field: str) -> bool:
    """Raises ValueError if there is no such field, or neither 0 nor 1 in it."""
    if (value := any_field(row, field)) not in (0, 1):
        raise ValueError(f"{field}={value!r} must be 1 or 0")
    return value == 1
