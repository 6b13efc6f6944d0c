"""Files below a folder."""

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
