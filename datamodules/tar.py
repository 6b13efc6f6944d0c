"""Tar shards of the webdataset layout, on disk or on a web server: neighbours of one name are one sample."""

import glob
import re
import tarfile
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lit_pretrain.datamodules.retry import continued
from lit_pretrain.datamodules.unreadable import reason

TIMEOUT = 60  # seconds without an answer from a server
BRACES = re.compile(r"\{([^{}]*)\}")
CUT = (tarfile.TarError, EOFError, zlib.error)  # what is raised in the middle of a shard, damaged or not
BROKEN = (*CUT, OSError)


class Entry(NamedTuple):
    """The files of one sample.

    Args:
        name: the shard and what the files' names have in common.
        files: by the ending after the first dot, in lower case.
        places: the bytes of the shard, unpacked, before each file.
    """

    name: str
    files: dict[str, bytes]
    places: dict[str, int]


def entries(shard: str, first: int = 0) -> Iterator[tuple[int, Entry]]:
    """Samples of a shard from number `first` on, each with its number; after a failure it is opened again.

    Raises:
        DataLost: it is gone, and does not come back.
        ValueError: it cannot be read, or its index of files is damaged.
    """
    also = CUT if _remote(shard) else ()  # a connection may end without a word
    try:
        for number, entry in continued(lambda: enumerate(_grouped(shard)), f"shard {shard}", first, also=also):
            yield number, entry
            first = number + 1
    except BROKEN as error:
        raise ValueError(f"shard {shard} cannot be read after {first} samples ({reason(error)}): fetch or pack it again,"
                         " or leave it out") from error  # fmt: skip


def expanded(names: str | list[str]) -> list[str]:
    """Paths and addresses, in order: of each name the braces, then the wildcards.

    Raises:
        ValueError: a path matches nothing.
    """
    return [shard for name in ([names] if isinstance(names, str) else names) for shard in _expanded(name)]


def seekable(shard: str) -> bool:
    """Whether a file of the shard can be read at its place: the shard is on disk and not compressed."""
    if _remote(shard):
        return False
    try:
        with tarfile.open(shard, "r:"):
            return True
    except BROKEN:  # what is wrong with it, `entries` will say
        return False


def class_number(name: str, content: bytes, class_names: tuple[str, ...]) -> int:
    """What the file `cls` of a sample says.

    Raises:
        ValueError: no number of a class.
    """
    try:
        label = int(content)
    except ValueError:
        label = len(class_names)
    if not 0 <= label < len(class_names):
        raise ValueError(f"{name}.cls holds {content[:20]!r}; the {len(class_names)} class_names have numbers from 0")
    return label


class Stream:
    """A file or an answer of a server, read from the front to the back.

    Args:
        shard: path or address.
    """

    def __init__(self, shard: str):
        self.file = urllib.request.urlopen(shard, timeout=TIMEOUT) if _remote(shard) else open(shard, "rb")  # noqa: SIM115, see __exit__
        self._last = b""

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def read(self, size: int) -> bytes:
        content = self.file.read(size)
        self._last = (self._last + content)[-tarfile.BLOCKSIZE :]
        return content

    def tail(self) -> bytes:
        """The last block of a tar file, after what is left has been read."""
        while self.read(2**16):
            pass
        return self._last


def _grouped(shard: str) -> Iterator[Entry]:
    """The files of each sample, read from the front to the back."""
    entry: Entry | None = None
    with Stream(shard) as stream, tarfile.open(fileobj=stream, mode="r|*") as archive:
        for info in archive:
            folder, _, file = info.name.rpartition("/")
            stem, _, ending = file.partition(".")
            if not info.isfile() or not stem:
                continue
            name = f"{shard}/{folder}/{stem}" if folder else f"{shard}/{stem}"
            if entry is None or entry.name != name:
                if entry is not None:
                    yield entry
                entry = Entry(name, {}, {})
            entry.files[ending.lower()] = archive.extractfile(info).read()
            entry.places[ending.lower()] = info.offset_data
            archive.members = []  # tarfile would remember them all
        end = stream.tail()
        if shard.endswith(".tar") and end.strip(b"\0"):  # tarfile takes the lack of an end for the end
            raise EOFError("it has no end")
    if entry is not None:
        yield entry


def _remote(shard: str) -> bool:
    return shard.startswith(("http://", "https://"))


def _expanded(name: str) -> list[str]:
    """Braces, then wildcards."""
    if found := BRACES.search(name):
        span = re.fullmatch(r"(\d+)\.\.(\d+)", found[1])
        if span:
            width = len(span[1]) if span[1].startswith("0") else 0
            inside = [str(k).zfill(width) for k in range(int(span[1]), int(span[2]) + 1)]
        else:
            inside = found[1].split(",")
        return [s for part in inside for s in _expanded(name[: found.start()] + part + name[found.end() :])]
    if _remote(name):
        return [name]
    paths = sorted(glob.glob(str(Path(name).expanduser()), recursive=True))
    if not paths:
        raise ValueError(f"shards: {name!r} matches nothing")
    return paths
