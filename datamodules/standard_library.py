"""The running Python's own source files: real text and code on every machine."""

import os
import sys
import sysconfig
from functools import cache
from hashlib import blake2b
from pathlib import Path

from lit_pretrain.datamodules.split import digest

SKIPPED = {"test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages", "turtledemo", "__pycache__"}


@cache
def modules() -> tuple[tuple[Path, str], ...]:
    """The files of the standard library, without its tests, in a fixed order, each with its top-level package."""
    root = Path(sysconfig.get_paths()["stdlib"])
    found = []
    for folder, below, files in os.walk(root):
        below[:] = sorted(set(below) - SKIPPED)  # not even listed: site-packages may be large
        found += [Path(folder, name) for name in sorted(files) if name.endswith(".py")]
    return tuple((path, path.relative_to(root).with_suffix("").parts[0]) for path in found)


def fingerprint() -> str:
    """Changes with the files."""
    return digest(sys.version, [(str(path), path.stat().st_size) for path, _ in modules()])


def split_of(text: str) -> str:
    """A text's split follows from itself, so it never moves: 80 % train, 10 % validation, 10 % test."""
    share = int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "little") % 10
    return {8: "validation", 9: "test"}.get(share, "train")
