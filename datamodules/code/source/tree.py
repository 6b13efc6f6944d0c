"""Trees of source files: git checkouts, unpacked archives, installed packages."""

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.code.source.unwanted import is_comment_only, is_generated
from lit_pretrain.datamodules.files import changes, nearest
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.unreadable import Unreadable

LANGUAGES = {
    ".py": "python", ".java": "java", ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript", ".go": "go",
    ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hh": "cpp", ".hpp": "cpp",
}  # fmt: skip
SKIPPED = ("node_modules", "__pycache__")  # folders, and all hidden ones


class Tree(Source):
    """All source files below a folder, in the order of their paths. Files that will not do are skipped and counted.

    Links are followed, a folder that was met before is not entered again. A file with a zero byte is binary.

    Args:
        folder: the tree; hidden folders, `node_modules` and `__pycache__` in it are left out.
        languages: suffix -> language; other files are left out. None: those of the six languages with a grammar here.
        include, exclude: patterns of paths below the folder, such as "*/tests/*", where * matches any text.
        label: the class of a program: the folder directly below `folder` that it lies in, or its language.
        split_by: a file's split follows from its path, or from the folder directly below `folder`, which keeps a project
            in one split.
        validation_fraction, test_fraction: the shares of these splits.
        max_bytes: larger files are skipped.
        max_line: files with a line of more characters are skipped, as are minified ones; None: no limit.
        not_utf8: put U+FFFD in place of bytes that are not UTF-8, or skip the file.
        generated: take files that say in their first lines that a program wrote them.
        comment_only: take files that are comments alone, such as a licence.
        is_file: each function of a file becomes an example; otherwise the file.
    """

    def __init__(
        self,
        folder: str,
        *,
        languages: dict[str, str] | None = None,
        include: list[str] | None = None,
        exclude: list[str] | None = None,
        label: Literal["folder", "language"] | None = None,
        split_by: Literal["file", "folder"] = "file",
        validation_fraction: float = 0.05,
        test_fraction: float = 0.05,
        max_bytes: int = 1_000_000,
        max_line: int | None = 1000,
        not_utf8: Literal["replace", "skip"] = "replace",
        generated: bool = False,
        comment_only: bool = False,
        is_file: bool = True,
    ):
        super().__init__()
        if not 0 <= validation_fraction + test_fraction < 1 or min(validation_fraction, test_fraction) < 0:
            raise ValueError(f"validation_fraction={validation_fraction} and test_fraction={test_fraction} must leave"
                             " a share for training")  # fmt: skip
        self.folder, self.languages = Path(folder).expanduser(), LANGUAGES if languages is None else languages
        self.include, self.exclude, self.label, self.split_by = include or ["*"], exclude or [], label, split_by
        self.validation_fraction, self.test_fraction = validation_fraction, test_fraction
        self.max_bytes, self.max_line, self.not_utf8 = max_bytes, max_line, not_utf8
        self.generated, self.comment_only, self.is_file = generated, comment_only, is_file

    def programs(self, split: str) -> Iterator[Program]:
        self.counts.clear()
        for path in self._paths:
            if self._split_of(path) != split:
                continue
            try:
                text = self._read(self.folder / path)
            except Unreadable as error:
                self.counts[error.reason] += 1
                continue
            language = self.languages[path.suffix]
            label = {None: None, "language": language, "folder": path.parts[0] if len(path.parts) > 1 else None}[self.label]
            yield Program(text, language, label, is_file=self.is_file)

    def fingerprint(self, split: str) -> str:
        """Paths, sizes and times of change, and how they are read."""
        files = changes(path for path in map(self.folder.joinpath, self._paths) if path.exists())
        how = {k: v for k, v in self._init_args.items() if k != "folder"}
        return digest(files, sorted(self.languages.items()), split, how)

    @cached_property
    def _paths(self) -> list[Path]:
        """Below the folder, sorted.

        Raises:
            ValueError: there is no such folder, or nothing in it will do.
        """
        if not self.folder.is_dir():
            raise ValueError(f"folder={str(self.folder)!r} is no folder{nearest(self.folder)}")
        found, met = [], set()
        for folder, below, names in os.walk(self.folder, followlinks=True):
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in met:  # a link that leads back
                below[:] = []
                continue
            met.add((status.st_dev, status.st_ino))
            below[:] = sorted(name for name in below if not name.startswith(".") and name not in SKIPPED)
            found += [Path(folder, name).relative_to(self.folder) for name in names if Path(name).suffix in self.languages]
        kept = [path for path in sorted(found) if self._wanted(path.as_posix())]
        if not kept:
            raise ValueError(f"{self.folder}: no file below it has a suffix of {', '.join(self.languages)} and is included")
        return kept

    def _wanted(self, path: str) -> bool:
        return any(fnmatch(path, p) for p in self.include) and not any(fnmatch(path, p) for p in self.exclude)

    def _split_of(self, path: Path) -> str:
        key = path.parts[0] if self.split_by == "folder" else path.as_posix()
        share = int.from_bytes(blake2b(os.fsencode(key), digest_size=8).digest(), "little") / 2**64
        if share < self.validation_fraction:
            return "validation"
        return "test" if share < self.validation_fraction + self.test_fraction else "train"

    def _read(self, path: Path) -> str:
        """Raises Unreadable if the file is to be skipped."""
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(str(path), "no plain file")  # a pipe, which would never end
            if status.st_size > self.max_bytes:
                raise Unreadable(str(path), f"larger than {self.max_bytes:,} bytes")
            content = path.read_bytes()
            text = content.decode("utf-8-sig", "strict" if self.not_utf8 == "skip" else "replace")
        except OSError as error:  # a link to nothing, no permission
            raise Unreadable(str(path), "unreadable") from error
        except UnicodeDecodeError as error:
            raise Unreadable(str(path), "binary" if b"\0" in content else "not UTF-8") from error
        if why := self._unwanted(text, self.languages[path.suffix]):
            raise Unreadable(str(path), why)
        return text

    def _unwanted(self, text: str, language: str) -> str | None:
        if "\0" in text:
            return "binary"
        if not text.strip():
            return "empty"
        if self.max_line is not None and max(map(len, text.splitlines())) > self.max_line:
            return f"a line longer than {self.max_line:,} characters"
        if not self.generated and is_generated(text):
            return "generated"
        if not self.comment_only and is_comment_only(text, language):
            return "comments only"
        return None
