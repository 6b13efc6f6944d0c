"""Images of Hugging Face `datasets`, on the hub or on disk."""

from functools import cached_property
from pathlib import Path

import datasets
import numpy as np

from lit_pretrain.datamodules import hub
from lit_pretrain.datamodules.split import digest, held_out
from lit_pretrain.datamodules.unreadable import Unreadable
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.source.base import Images, Source, no_images
from lit_pretrain.datamodules.vision.source.tags import tag_matrix, tag_names_of


class Hub(Source):
    """A data set by its name on the hub, or a folder that `save_to_disk` wrote. Code of a data set is never run.

    A folder that holds one data set without splits serves as `train`; set `test` to None then.

    Args:
        name: name on the hub, or folder.
        config: configuration of the data set; None: its only one.
        image_field, label_field, tags_field: columns; tags are lists of words.
        train, validation, test: its names of the splits; None: it has no such split.
        validation_fraction: without `validation`, this share of the training images.
        revision: of the data set, to fix its content.
    """

    def __init__(
        self,
        name: str,
        config: str | None = None,
        *,
        image_field: str = "image",
        label_field: str | None = None,
        tags_field: str | None = None,
        train: str = "train",
        validation: str | None = None,
        test: str | None = "test",
        validation_fraction: float = 0.0,
        revision: str | None = None,
    ):
        self.name, self.config, self.revision, self.validation_fraction = name, config, revision, validation_fraction
        self.image_field, self.label_field, self.tags_field = image_field, label_field, tags_field
        self.splits = {"train": train, "validation": validation, "test": test}
        self._loaded: dict[str, datasets.Dataset] = {}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return hub.class_names(self._load("train"), self.label_field)

    @cached_property
    def tag_names(self) -> tuple[str, ...]:
        return () if self.tags_field is None else tag_names_of(map(_words, self._load("train")[self.tags_field]))

    def images(self, split: str, decoder: Decoder = Decoder()) -> Images:
        cut = self._cut(split)
        if self.splits[split] is None and not cut:
            return no_images()
        rows = self._load("train" if cut else split)
        if cut:
            rows = rows.select(held_out(len(rows), self.validation_fraction, split))
        labels = hub.labels(rows, self.label_field, self.class_names, self.name)
        tags = tag_matrix(map(_words, rows[self.tags_field]), self.tag_names) if self.tag_names else None
        rows = rows.select_columns([self.image_field]).cast_column(self.image_field, datasets.Image(decode=False))
        return Rows(rows, self.image_field, self.name, decoder, labels, tags)

    def fingerprint(self, split: str) -> str:
        own = "train" if self._cut(split) else split
        content = "" if self.splits[own] is None else self._load(own)._fingerprint
        return digest(split, self.validation_fraction, self.image_field, self.label_field, self.tags_field, content)

    def _cut(self, split: str) -> bool:
        """Whether the split is a part of the training rows."""
        return split != "test" and self.validation_fraction > 0 and self.splits["validation"] is None

    def _load(self, split: str) -> datasets.Dataset:
        """All columns of a split.

        Raises:
            ValueError: there is no such data set, split or column.
        """
        if split not in self._loaded:
            rows = hub.load(self.name, self.config, self.splits[split], self.revision)
            hub.check_columns(rows, self.name, self.image_field, self.label_field, self.tags_field)
            if not isinstance(rows.features[self.image_field], datasets.Image):
                raise ValueError(f"data set {self.name!r}: column {self.image_field!r} holds no images but"
                                 f" {rows.features[self.image_field]}")  # fmt: skip
            self._loaded[split] = rows
        return self._loaded[split]


class Rows(Images):
    """Images in the rows of a data set, which is mapped into memory.

    Args:
        rows: with the image's column undecoded.
        field: that column.
        source: what messages call the data set.
        decoder: reads the images.
        labels, tags: see `Images`.
    """

    def __init__(self, rows: datasets.Dataset, field: str, source: str, decoder: Decoder, labels: np.ndarray | None,
                 tags: np.ndarray | None):  # fmt: skip
        self.rows, self.field, self.source, self.decoder = rows, field, source, decoder
        self.labels, self.tags = labels, tags

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> np.ndarray:
        image = self.rows[i][self.field]
        if image is None:
            raise Unreadable(self.name(i), "the row has no image")
        return self.decoder(image["bytes"] if image["bytes"] is not None else Path(image["path"]), self.name(i))

    def name(self, i: int) -> str:
        return f"{self.source} row {i}"


def _words(tags: list[str] | None) -> list[str]:
    return [str(tag) for tag in tags or ()]
