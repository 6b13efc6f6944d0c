"""Images in tar shards of the webdataset layout."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lit_pretrain.datamodules.files import sizes
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.tar import Entry, class_number, entries, expanded
from lit_pretrain.datamodules.unreadable import Unreadable, reason
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.source.base import Images, Source, no_images
from lit_pretrain.datamodules.vision.source.tags import tag_matrix

IMAGES = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm", "avif")


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
        """Of the shards' names and some of their sizes."""
        shards = self.shards(split) if self.given[split] else []
        return digest(split, self.class_names, self.tag_names, shards, sizes(shards))

    def shards(self, split: str) -> list[str]:
        """Paths and addresses, in order.

        Raises:
            ValueError: a path matches nothing.
        """
        if split not in self._found:
            self._found[split] = expanded(self.given[split] or [])
        return self._found[split]

    def members(self, shard: str, first: int = 0) -> Iterator[tuple[int, Member]]:
        """Samples of a shard from number `first` on, each with its number.

        Raises:
            ValueError: it cannot be read, its index of files is damaged, or a label is not what `class_names` says.
        """
        for number, entry in entries(shard, first):
            yield number, self._member(entry)

    def _member(self, entry: Entry) -> Member:
        member, name = Member(entry.name), entry.name
        for ending, content in entry.files.items():
            if ending in IMAGES:
                member.image = content
            elif ending == "cls" and self.class_names:
                member.label = class_number(name, content, self.class_names)
            elif ending == "json" and self.tag_names:
                try:
                    member.tags = [str(tag) for tag in json.loads(content).get("tags") or ()]
                except (ValueError, AttributeError, TypeError) as error:
                    raise ValueError(f"{name}.json is no object with a list of tags ({reason(error)})") from error
        return member


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
