"""Text for pretraining, and labelled text for probes and fine-tuning."""

import hashlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.utils.data import Dataset

from lit_pretrain.datamodules.files import cache_folder
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.datamodules.text.source.base import Source
from lit_pretrain.datamodules.text.tokenized import TokenizedDataModule, label_numbers
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.datamodules.text.tokens import FORMAT, Tokens, tokenise
from lit_pretrain.types import TextBatch


class TextDataModule(TokenizedDataModule):
    """Documents as packed batches of token ids.

    Everything is tokenised once and kept in the cache (`LIT_PRETRAIN_CACHE`, default ~/.cache/lit_pretrain). For
    pretraining, long documents are cut into pieces of nearly equal length; labelled examples are truncated. A batch
    holds up to `tokens_per_batch` tokens of whole examples, laid end to end without padding.

    Args:
        source: where documents come from.
        tokenizer: trained on the source's training documents where it must be; None: taken over from the pretraining
            data (`adopt`), for data that only a probe or a fine-tuning reads.
        max_length: the most tokens of an example, special tokens included.
        tokens_per_batch: the budget of a batch.
        bucket: put examples of similar length together, which padded attention back ends want.
        num_workers: processes that collate.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: Tokenizer | None = None,
        *,
        max_length: int = 256,
        tokens_per_batch: int = 8192,
        bucket: bool = False,
        num_workers: int = 0,
    ):
        super().__init__(source, tokenizer, max_length=max_length, tokens_per_batch=tokens_per_batch, bucket=bucket,
                         num_workers=num_workers)  # fmt: skip
        self._tokens: dict[str, Tokens] = {}

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.tokens("train").label_names

    def prepare_data(self) -> None:
        for split in SPLITS:
            self.tokens(split)

    def texts(self) -> Iterator[str]:
        return (document.text for document in self.source.documents("train"))

    def tokens(self, split: str) -> Tokens:
        """All documents of a split as ids, from the cache if they are there."""
        if split not in self._tokens:
            tokenizer = self._ready_tokenizer()
            content = _digest(self.source.fingerprint(split))
            name = f"{type(self.source).__name__}-{split}-{content}-{tokenizer.digest}-{FORMAT}"
            folder = cache_folder() / "tokens" / name
            self._tokens[split] = tokenise(self.source.documents(split), tokenizer, folder, split)
        return self._tokens[split]

    def examples(self, split: str, labelled: bool) -> "Pieces":
        before, after = self._ready_tokenizer().around()
        room = self.max_length - len(before) - len(after)
        return Pieces(self.tokens(split), self.class_names, room, before, after, labelled)

    def collate(self) -> Callable[[list], TextBatch]:
        return collate


class Pieces(Dataset):
    """Pieces of documents, each (number, ids, label, bytes).

    Args:
        tokens: the documents.
        class_names: in the order of the labels' numbers; a split may lack some of them.
        room: the most ids of a piece, without special tokens.
        before, after: special ids around each piece.
        labelled: the beginning of each labelled document instead of all pieces of all documents.
    """

    def __init__(self, tokens: Tokens, class_names: tuple[str, ...], room: int, before: list[int], after: list[int],
                 labelled: bool):  # fmt: skip
        if room < 1:
            raise ValueError(f"max_length={room + len(before) + len(after)} leaves no room for text")
        self.tokens = tokens
        self.before, self.after = np.array(before, np.int64), np.array(after, np.int64)
        sizes = np.diff(tokens.offsets)
        labels = label_numbers(tokens.label_names, tokens.labels, class_names, check=labelled)
        if labelled:
            document = np.flatnonzero((labels >= 0) & (sizes > 0))
            self.starts = tokens.offsets[document]
            self.stops = self.starts + np.minimum(sizes[document], room)
        else:
            pieces = -(-sizes // room)  # 0 for an empty document
            document = np.repeat(np.arange(len(sizes)), pieces)
            piece = np.arange(len(document)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
            # Piece p of n holds the ids from p * size / n to (p + 1) * size / n: sizes differ by one at most.
            size, n = sizes[document], pieces[document]
            self.starts = tokens.offsets[document] + piece * size // np.maximum(n, 1)
            self.stops = tokens.offsets[document] + (piece + 1) * size // np.maximum(n, 1)
        self.labels = labels[document]
        self.numbers = document if labelled else np.arange(len(document))  # of the document, or of the piece

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> np.ndarray:
        return self.stops - self.starts + len(self.before) + len(self.after)

    def choose(self, which: np.ndarray) -> None:
        """Keep only these examples."""
        self.starts, self.stops = self.starts[which], self.stops[which]
        self.labels, self.numbers = self.labels[which], self.numbers[which]

    def __getitem__(self, i: int) -> tuple[int, np.ndarray, int, int]:
        start, stop = self.starts[i], self.stops[i]
        ids = np.concatenate([self.before, self.tokens.ids[start:stop].astype(np.int64), self.after])
        return int(self.numbers[i]), ids, int(self.labels[i]), int(self.tokens.widths[start:stop].sum(dtype=np.int64))


def collate(samples: list[tuple[int, np.ndarray, int, int]]) -> TextBatch:
    index, ids, labels, widths = zip(*samples, strict=True)
    return TextBatch(
        torch.from_numpy(np.concatenate(ids)),
        tuple(len(x) for x in ids),
        num_bytes=torch.tensor(widths),
        labels=torch.tensor(labels) if min(labels) >= 0 else None,
        index=torch.tensor(index),
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
