"""Programs of Hugging Face `datasets`, such as the Stack, on the hub or on disk."""

from collections.abc import Iterator
from itertools import islice

from lit_pretrain.datamodules.code.source.base import Program, Source, check_one, language_of
from lit_pretrain.datamodules.hub import check_columns, label_reader, load
from lit_pretrain.datamodules.split import digest


class Hub(Source):
    """A data set by its name on the hub, or a folder that `save_to_disk` wrote. Code of a data set is never run.

    The defaults are the columns of the Stack (arXiv 2211.15533).

    Args:
        name: name on the hub, or folder.
        config: configuration of the data set; None: its only one.
        language: of all programs, or with `language_field` null.
        code: the column with the code.
        language_field, doc, label: columns with what else is known of it; None: nothing.
        is_file: each function of a program becomes an example, and `doc` belongs to its first one; otherwise the program.
        train, validation, test: its names of the splits; None: it has no such split.
        limit: so many rows of each split; None: all.
        streaming: read rows as they are needed instead of downloading all of them first.
        revision: of the data set, to fix its content.
    """

    def __init__(
        self,
        name: str,
        config: str | None = None,
        *,
        language: str | None = None,
        code: str = "content",
        language_field: str | None = "lang",
        doc: str | None = None,
        label: str | None = None,
        is_file: bool = True,
        train: str | None = "train",
        validation: str | None = None,
        test: str | None = None,
        limit: int | None = None,
        streaming: bool = False,
        revision: str | None = None,
    ):
        super().__init__()
        check_one(language, language_field)
        self.name, self.config, self.revision, self.streaming, self.limit = name, config, revision, streaming, limit
        self.language, self.code, self.language_field, self.doc, self.label = language, code, language_field, doc, label
        self.is_file, self.splits = is_file, {"train": train, "validation": validation, "test": test}

    def programs(self, split: str) -> Iterator[Program]:
        self.counts.clear()
        if self.splits[split] is None:
            return
        rows = load(self.name, self.config, self.splits[split], self.revision, self.streaming)
        check_columns(rows, self.name, self.code, self.language_field, self.doc, self.label)
        label = label_reader(rows, self.label)
        for row in islice(rows, self.limit):
            code, language = row[self.code], row[self.language_field] if self.language_field else self.language
            if not (isinstance(code, str) and code.strip() and language):
                self.counts["rows without code or language"] += 1
                continue
            doc = row[self.doc] if self.doc else None
            yield Program(code, language_of(language), label(row), doc, is_file=self.is_file)

    def fingerprint(self, split: str) -> str:
        how = (self.name, self.config, self.revision, self.splits[split], self.language, self.code, self.language_field,
               self.doc, self.label, self.is_file, self.limit)  # fmt: skip
        if self.streaming or self.splits[split] is None:
            return digest(how)
        return digest(how, load(self.name, self.config, self.splits[split], self.revision)._fingerprint)
