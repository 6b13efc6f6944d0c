"""Audio files in a folder whose paths say what they are."""

import re
from functools import cached_property
from pathlib import Path

from lit_pretrain.datamodules.files import below
from lit_pretrain.datamodules.speech.decode import SUFFIXES, Decoder
from lit_pretrain.datamodules.speech.source.base import NoRecordings, Recordings, Source
from lit_pretrain.datamodules.speech.source.files import Entry, Files
from lit_pretrain.datamodules.split import digest, held_out

FIELD = re.compile(r"\{(\w+)\}")
Where = dict[str, list[str]]  # field -> its values


class AudioFolder(Source):
    """Audio files below a folder. Without a pattern a folder directly below it is a class, as in `word/name.wav`; a pattern
    names the parts of a path, such as `{digit}_{speaker}_{take}` or `{speaker}/{chapter}/{utterance}`.

    A file belongs to test or validation if its fields have the values that are given there, and to train otherwise.
    Files that do not fit the pattern are an error, since they would be lost silently.

    Args:
        root: the folder.
        pattern: of paths relative to it, without the ending; a field matches all but `/`, as little as possible.
        label: the field that is the class.
        transcript: the field that is what is said.
        validation, test: field -> values.
        validation_fraction: without `validation`, this share of the training recordings.
        test_fraction: without `test`, this share of all recordings.
    """

    def __init__(
        self,
        root: str,
        pattern: str | None = None,
        *,
        label: str | None = "class",
        transcript: str | None = None,
        validation: Where | None = None,
        test: Where | None = None,
        validation_fraction: float = 0.1,
        test_fraction: float = 0.1,
    ):
        self.root, self.label, self.transcript = root, label, transcript
        self.given = {"validation": validation, "test": test}
        self.fractions = {"validation": validation_fraction, "test": test_fraction}
        self.pattern = pattern
        fields = ["class"] if pattern is None else FIELD.findall(pattern)
        for what in (label, transcript, *(validation or ()), *(test or ())):
            if what is not None and what not in fields:
                raise ValueError(f"AudioFolder: the pattern {pattern or '{class}/...'!r} has no field {what!r}; it has"
                                 f" {', '.join(fields) or 'none'}")  # fmt: skip
        pieces = enumerate(FIELD.split(pattern or ""))
        self._expression = re.compile("".join(f"(?P<{x}>[^/]+?)" if i % 2 else re.escape(x) for i, x in pieces))

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        if self.label is None:
            return ()
        return tuple(sorted({value for _, fields in self._split("train") if (value := fields.get(self.label))}))

    def recordings(self, split: str, decoder: Decoder = Decoder()) -> Recordings:
        entries = [
            Entry(str(Path(self.root).expanduser() / file), fields.get(self.label), fields.get(self.transcript))
            for file, fields in self._split(split)
        ]
        return Files(entries, decoder, self.class_names, self.root) if entries else NoRecordings()

    def fingerprint(self, split: str) -> str:
        """Of the files' names."""
        return digest(split, self.pattern, self.label, self.transcript, [file for file, _ in self._split(split)])

    def _split(self, split: str) -> list[tuple[str, dict[str, str]]]:
        """Of each file, its path below the root and its fields."""
        rest = self._files
        for name in ("test", "validation"):
            where = self.given[name]
            if where is None:
                taken = set(held_out(len(rest), self.fractions[name], "validation").tolist())
            else:
                taken = {i for i, (_, fields) in enumerate(rest) if all(fields[k] in map(str, v) for k, v in where.items())}
                if not taken:
                    raise ValueError(f"AudioFolder: no file below {self.root} has {name}={where}")
            if split == name:
                return [rest[i] for i in sorted(taken)]
            rest = [file for i, file in enumerate(rest) if i not in taken]
        return rest

    @cached_property
    def _files(self) -> list[tuple[str, dict[str, str]]]:
        root = Path(self.root).expanduser()
        if not root.is_dir():
            raise ValueError(f"recordings: root={self.root!r} is no folder")
        files = sorted(below(root, SUFFIXES))
        if not files:
            raise ValueError(f"recordings: {root} and the folders below it hold no file that ends in one of"
                             f" {', '.join(SUFFIXES)}")  # fmt: skip
        return [(file, self._fields(file)) for file in files]

    def _fields(self, file: str) -> dict[str, str]:
        if self.pattern is None:
            first, below, _ = file.partition("/")
            return {"class": first} if below else {}
        if (found := self._expression.fullmatch(file.rpartition(".")[0])) is None:
            raise ValueError(f"recordings: {file!r} below {self.root} does not fit the pattern {self.pattern!r}; change"
                             " the pattern, or move the file")  # fmt: skip
        return found.groupdict()
