"""Image files in folders."""

from functools import cached_property
from pathlib import Path

import numpy as np

from lit_pretrain.datamodules.files import below, sizes
from lit_pretrain.datamodules.lines import json_lines
from lit_pretrain.datamodules.split import digest, held_out, numbered
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.source.base import Images, Source, no_images
from lit_pretrain.datamodules.vision.source.tags import tag_matrix, tag_names_of

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".avif")
USUAL = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}
METADATA = "metadata.jsonl"


class Folder(Source):
    """Image files, all below a folder. A folder below the split's own is a class; images directly in it are unlabelled.

    A `metadata.jsonl` in the folder of a split, one object with `file_name` (relative to it) and `tags` (a list of words)
    a line, gives images tags, as in the `datasets` library. Tags that no training image carries are dropped.

    Args:
        root: a folder with the folders train, validation (or val, valid) and test, as far as there are any; without a
            train folder, it holds the training images itself.
        train, validation, test: their folders, where they are elsewhere.
        labelled: whether folders are classes; otherwise no image has a label.
        validation_fraction: without a validation folder, this share of the training images.
    """

    def __init__(
        self,
        root: str | None = None,
        *,
        train: str | None = None,
        validation: str | None = None,
        test: str | None = None,
        labelled: bool = True,
        validation_fraction: float = 0.0,
    ):
        if root is None and train is None:
            raise ValueError("Folder needs the folder of the training images: root or train")
        self.root, self.labelled, self.validation_fraction = root, labelled, validation_fraction
        self.given = {"train": train, "validation": validation, "test": test}
        self._files: dict[str, list[str]] = {}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        if not self.labelled:
            return ()
        return tuple(sorted({label for file in self.files("train") if (label := _class(file)) is not None}))

    @cached_property
    def tag_names(self) -> tuple[str, ...]:
        return tag_names_of(self._tags("train").values())

    def images(self, split: str, decoder: Decoder = Decoder()) -> Images:
        own = "train" if self._cut(split) else split
        if (folder := self.folder(own)) is None:
            return no_images()
        files, tags = self.files(split), self._tags(own)
        labels = numbered(map(_class, files), self.class_names, str(folder)) if self.labelled else None
        table = tag_matrix([tags.get(file, ()) for file in files], self.tag_names) if self.tag_names else None
        return Files(folder, files, decoder, labels, table)

    def fingerprint(self, split: str) -> str:
        """Of the files' names and some of their sizes."""
        files, folder = self.files(split), self.folder("train" if self._cut(split) else split)
        return digest(split, self.labelled, files, None if folder is None else sizes(files, folder))

    def folder(self, split: str) -> Path | None:
        """The folder of a split; None: it has none.

        Raises:
            ValueError: it does not exist.
        """
        if self.given[split] is not None:
            path = Path(self.given[split]).expanduser()
            if not path.is_dir():
                raise ValueError(f"{split} images: {str(path)!r} is no folder")
            return path
        if self.root is None:
            return None
        root = Path(self.root).expanduser()
        if not root.is_dir():
            raise ValueError(f"images: root={self.root!r} is no folder")
        below = [root / name for name in USUAL[split] if (root / name).is_dir()]
        return below[0] if below else root if split == "train" else None

    def files(self, split: str) -> list[str]:
        """The image files of a split, relative to its folder, sorted.

        Raises:
            ValueError: the folder of the training images holds none.
        """
        if split not in self._files:
            if self._cut(split):
                every = self._listed("train")
                self._files[split] = [every[i] for i in held_out(len(every), self.validation_fraction, split)]
            else:
                self._files[split] = self._listed(split)
        return self._files[split]

    def _cut(self, split: str) -> bool:
        """Whether the split is a part of the training folder's images."""
        return split != "test" and self.validation_fraction > 0 and self.folder("validation") is None

    def _listed(self, split: str) -> list[str]:
        if (folder := self.folder(split)) is None:
            return []
        files = sorted(below(folder, SUFFIXES))
        if not files:
            raise ValueError(f"{split} images: {folder} and the folders below it hold no file that ends in one of"
                             f" {', '.join(SUFFIXES)}")  # fmt: skip
        return files

    def _tags(self, split: str) -> dict[str, list[str]]:
        """Of each file that the metadata name."""
        folder, tags = self.folder(split), {}
        if folder is None or not (folder / METADATA).exists():
            return {}
        for number, row in json_lines(folder / METADATA, _file_and_tags):
            if isinstance(row, str):
                raise ValueError(f"{folder / METADATA}, line {number}: {row}")
            tags |= dict([row])
        return tags


class Files(Images):
    """Images in files.

    Args:
        folder: where they are.
        files: relative to it.
        decoder: reads them.
        labels, tags: see `Images`.
    """

    def __init__(self, folder: Path, files: list[str], decoder: Decoder, labels: np.ndarray | None,
                 tags: np.ndarray | None):  # fmt: skip
        self.folder, self.files, self.decoder, self.labels, self.tags = folder, np.array(files), decoder, labels, tags

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> np.ndarray:
        return self.decoder(self.folder / self.files[i], self.name(i))

    def name(self, i: int) -> str:
        return str(self.folder / self.files[i])


def _file_and_tags(row: dict) -> tuple[str, list[str]]:
    """Raises ValueError if the row has not both."""
    file, tags = row.get("file_name"), row.get("tags") or []
    if not isinstance(file, str) or not isinstance(tags, list):
        raise ValueError(f"no file_name and list of tags, but {str(row)[:60]!a}")
    return Path(file).as_posix(), [str(tag) for tag in tags]


def _class(file: str) -> str | None:
    """The first folder of a relative path."""
    first, below, _ = file.partition("/")
    return first if below else None
