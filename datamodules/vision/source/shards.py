"""Tar shards of the webdataset layout, on disk or on a web server."""

import glob
import http.client
import json
import re
import tarfile
import time
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.unreadable import Unreadable, reason
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.source.base import Images, Source, no_images
from lit_pretrain.datamodules.vision.source.tags import tag_matrix

IMAGES = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm", "avif")
ATTEMPTS = 3  # to read on in a shard after a failure
PAUSE = 1.0  # seconds before the next attempt, twice as long each time
TIMEOUT = 60  # seconds without an answer from a server
BRACES = re.compile(r"\{([^{}]*)\}")
BROKEN = (OSError, tarfile.TarError, EOFError, zlib.error, http.client.HTTPException)


@dataclass
class Member:
    """The files of one sample.

    Args:
        name: the shard and what the files' names have in common.
        image: the file of the image; None: there is none.
        label: class number, -1: unlabelled.
        tags: words.
    """

    name: str
    image: bytes | None = None
    label: int = -1
    tags: list[str] = field(default_factory=list)

    def decoded(self, decoder: Decoder) -> np.ndarray:
        """(H, W, C) uint8.

        Raises:
            Unreadable: the image is damaged, or there is none.
        """
        if self.image is None:
            raise Unreadable(self.name, f"none of its files ends in {', '.join(IMAGES)}")
        return decoder(self.image, self.name)


class Shards(Source):
    """Tar files in which neighbours with the same name up to the first dot are one sample: a.jpg, a.cls, a.json.

    The image is the file with an image's ending, the label the number in `cls`, and the tags the list `tags` in `json`.
    `VisionDataModule` reads all shards of a split into memory (undecoded); `StreamingVisionDataModule` streams those of
    the training split, and so needs memory for validation and test only.

    Args:
        train, validation, test: paths and http(s) addresses, or a list of them, with braces ({000..127}, {a,b}) and, on
            disk, with wildcards; None: no such split.
        class_names: names of the label numbers; None: unlabelled.
        tag_names: the tags that matter; None: untagged.
    """

    def __init__(
        self,
        train: str | list[str],
        validation: str | list[str] | None = None,
        test: str | list[str] | None = None,
        *,
        class_names: list[str] | None = None,
        tag_names: list[str] | None = None,
    ):
        self.given = {"train": train, "validation": validation, "test": test}
        self.class_names, self.tag_names = tuple(class_names or ()), tuple(tag_names or ())
        self._found: dict[str, list[str]] = {}

    def images(self, split: str, decoder: Decoder = Decoder()) -> Images:
        if self.given[split] is None:
            return no_images()
        return Members([member for shard in self.shards(split) for _, member in self.members(shard)], self, decoder)

    def fingerprint(self, split: str) -> str:
        """Of the shards' names."""
        return digest(split, self.class_names, self.tag_names, self.shards(split) if self.given[split] else None)

    def shards(self, split: str) -> list[str]:
        """Paths and addresses, in order.

        Raises:
            ValueError: a path matches nothing.
        """
        if split not in self._found:
            given = self.given[split] or []
            self._found[split] = [s for name in ([given] if isinstance(given, str) else given) for s in _expanded(name)]
        return self._found[split]

    def members(self, shard: str, first: int = 0) -> Iterator[tuple[int, Member]]:
        """Samples of a shard from number `first` on, each with its number; after a failure it is opened again.

        Raises:
            ValueError: it cannot be read, its index of files is damaged, or a label is not what `class_names` says.
        """
        failures = 0
        while True:
            try:
                for number, files in islice(enumerate(_grouped(shard)), first, None):
                    yield number, self._member(f"{shard}/{files[0][0]}", files)
                    first, failures = number + 1, 0
                return
            except BROKEN as error:
                failures += 1
                if failures == ATTEMPTS or not _remote(shard):
                    raise ValueError(f"shard {shard} cannot be read after {first} samples ({reason(error)}): fetch or pack"
                                     " it again, or leave it out") from error  # fmt: skip
                time.sleep(PAUSE * 2 ** (failures - 1))

    def _member(self, name: str, files: list[tuple[str, str, bytes]]) -> Member:
        member = Member(name)
        for _, ending, content in files:
            if ending in IMAGES:
                member.image = content
            elif ending == "cls" and self.class_names:
                member.label = self._label(name, content)
            elif ending == "json" and self.tag_names:
                try:
                    member.tags = [str(tag) for tag in json.loads(content).get("tags") or ()]
                except (ValueError, AttributeError, TypeError) as error:
                    raise ValueError(f"{name}.json is no object with a list of tags ({reason(error)})") from error
        return member

    def _label(self, name: str, content: bytes) -> int:
        try:
            label = int(content)
        except ValueError:
            label = len(self.class_names)
        if not 0 <= label < len(self.class_names):
            raise ValueError(
                f"{name}.cls holds {content[:20]!r}; the {len(self.class_names)} class_names have numbers from 0"
            )
        return label


class Members(Images):
    """Samples in memory, their images undecoded.

    Args:
        members: the samples.
        source: knows classes and tags.
        decoder: reads the images.
    """

    def __init__(self, members: list[Member], source: Shards, decoder: Decoder):
        self.members, self.decoder = members, decoder
        labels = np.array([member.label for member in members], np.int64)
        self.labels = labels if (labels >= 0).any() else None
        self.tags = tag_matrix([member.tags for member in members], source.tag_names) if source.tag_names else None

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, i: int) -> np.ndarray:
        return self.members[i].decoded(self.decoder)

    def name(self, i: int) -> str:
        return self.members[i].name


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


def _grouped(shard: str) -> Iterator[list[tuple[str, str, bytes]]]:
    """The files of each sample, each (common name, ending, content), read from the front to the back."""
    files: list[tuple[str, str, bytes]] = []
    with Stream(shard) as stream, tarfile.open(fileobj=stream, mode="r|*") as archive:
        for info in archive:
            folder, _, file = info.name.rpartition("/")
            stem, _, ending = file.partition(".")
            if not info.isfile() or not stem:
                continue
            name = f"{folder}/{stem}" if folder else stem
            if files and files[0][0] != name:
                yield files
                files = []
            files.append((name, ending.lower(), archive.extractfile(info).read()))
            archive.members = []  # tarfile would remember them all
        end = stream.tail()
        if shard.endswith(".tar") and end.strip(b"\0"):  # tarfile takes the lack of an end for the end
            raise EOFError("it has no end")
    if files:
        yield files


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
