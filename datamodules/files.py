"""Files below a folder, and where files may be kept that can be made again."""

import os
from collections.abc import Iterator
from pathlib import Path


def below(folder: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Paths relative to the folder, in any order, of the files that end so; links are followed, hidden files left out."""
    for path, _, names in os.walk(folder, followlinks=True):
        inside = Path(path).relative_to(folder)
        for name in names:
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield (inside / name).as_posix()


def cache_folder() -> Path:
    """`LIT_PRETRAIN_CACHE`, or a folder in the user's cache."""
    return Path(os.environ.get("LIT_PRETRAIN_CACHE") or Path.home() / ".cache" / "lit_pretrain")
