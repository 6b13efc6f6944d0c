"""Documents of Hugging Face `datasets`, on the hub or on disk."""

from collections.abc import Iterator

import datasets

from lit_pretrain.datamodules.hub import check_columns, label_reader, load
from lit_pretrain.datamodules.text.source.base import Document, Source


class Hub(Source):
    """A data set by its name on the hub, or a folder that `save_to_disk` wrote. Code of a data set is never run.

    A folder that holds one data set without splits serves as `train`; set `validation` and `test` to None then.

    Args:
        name: name on the hub, or folder.
        config: configuration of the data set; None: its only one.
        text_field, label_field: columns; label numbers become their names where the data set knows them.
        train, validation, test: its names of the splits; None: it has no such split.
        streaming: read without downloading first (see `StreamingTextDataModule`).
        revision: of the data set, to fix its content.
    """

    def __init__(
        self,
        name: str,
        config: str | None = None,
        *,
        text_field: str = "text",
        label_field: str | None = None,
        train: str = "train",
        validation: str | None = "validation",
        test: str | None = "test",
        streaming: bool = False,
        revision: str | None = None,
    ):
        self.name, self.config, self.streaming, self.revision = name, config, streaming, revision
        self.text_field, self.label_field = text_field, label_field
        self.splits = {"train": train, "validation": validation, "test": test}

    def documents(self, split: str) -> Iterator[Document]:
        if self.splits[split] is None:
            return
        rows = self._load(split)
        check_columns(rows, self.name, self.text_field, self.label_field)
        label = label_reader(rows, self.label_field)
        for number, row in enumerate(rows):
            text = row[self.text_field] or ""  # a row without text has no tokens
            if not isinstance(text, str):
                raise ValueError(f"data set {self.name!r}, row {number}: {self.text_field!r} is {text!r:.60} and no text")
            yield Document(text, label(row))

    def fingerprint(self, split: str) -> str:
        own = "" if self.streaming or self.splits[split] is None else self._load(split)._fingerprint
        return f"{self.name}-{self.config}-{self.revision}-{self.splits[split]}-{self.text_field}-{self.label_field}-{own}"

    def _load(self, split: str) -> datasets.Dataset | datasets.IterableDataset:
        return load(self.name, self.config, self.splits[split], self.revision, self.streaming)
