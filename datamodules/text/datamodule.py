"""Text for pretraining, and labelled text for probes and fine-tuning."""

import hashlib
from dataclasses import replace

import numpy as np
import torch
from torch.utils.data import Dataset

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.draws import run_seed
from lit_pretrain.datamodules.files import cache_folder
from lit_pretrain.datamodules.loader import ResumableLoader
from lit_pretrain.datamodules.order import balanced, of_rank, plan
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.datamodules.text.source.base import Source
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.datamodules.text.tokens import FORMAT, Tokens, tokenise
from lit_pretrain.types import TextBatch, Vocabulary


class TextDataModule(DataModule):
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
        super().__init__()
        if tokens_per_batch < max_length:
            raise ValueError(f"tokens_per_batch={tokens_per_batch} must hold one example of max_length={max_length}")
        self.source, self.tokenizer = source, tokenizer
        self.max_length, self.tokens_per_batch = max_length, tokens_per_batch
        self.bucket, self.num_workers = bucket, num_workers
        self._tokens: dict[str, Tokens] = {}
        self._vocabulary: Vocabulary | None = None

    @property
    def vocabulary(self) -> Vocabulary:
        if self._vocabulary is None:
            self._vocabulary = self._ready_tokenizer().vocabulary
        return self._vocabulary

    @property
    def vocab_size(self) -> int:
        """The ids that there really are; a trained tokenizer may have fewer than it was allowed."""
        return self.vocabulary.size

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.tokens("train").label_names

    def adopt(self, pretraining: DataModule) -> None:
        if self.tokenizer is None and isinstance(pretraining, TextDataModule):
            self.tokenizer = pretraining._ready_tokenizer()

    def artifacts(self) -> dict[str, str]:
        return self._ready_tokenizer().artifacts()

    def restore(self, artifacts: dict[str, str]) -> None:
        if self.tokenizer is not None:
            self.tokenizer.restore(artifacts)

    def state_dict(self) -> dict[str, str]:
        return {"tokenizer": self._ready_tokenizer().digest}

    def load_state_dict(self, state: dict[str, str]) -> None:
        """Raises ValueError if the checkpoint was trained with another tokenizer: the same ids would mean other text."""
        if state["tokenizer"] != self._ready_tokenizer().digest:
            raise ValueError(
                "the checkpoint was trained with another tokenizer: the training data have changed, or the cache"
                f" {cache_folder()} was lost and training came out differently. Give the checkpoint's own, as Pretrained"
                " with the folder that `lit-pretrain export` writes"
            )

    def describe(self, batch: TextBatch) -> list[str]:
        """The text of each example, for people."""
        return [self._ready_tokenizer().decode(ids.tolist()) for ids in batch.tokens.split(batch.lengths)]

    def prepare_data(self) -> None:
        for split in SPLITS:
            self.tokens(split)

    def setup(self, stage: str | None = None) -> None:
        """Check that the encoder has an embedding for every id and every position.

        Raises:
            ValueError: one of its tables is too small.
        """
        encoder = getattr(getattr(self.trainer, "lightning_module", None), "encoder", None)
        positions = getattr(getattr(encoder, "position", None), "max_length", None)
        if positions is not None and positions < self.max_length:
            raise ValueError(
                f"the encoder has {positions} positions and the data examples of max_length={self.max_length}:"
                " raise the encoder's max_length, or lower the data's"
            )
        try:
            rows = len(encoder.token_table())
        except (AttributeError, ValueError):  # not an encoder of ours, or one without token embeddings
            return
        if rows < self.vocab_size:
            raise ValueError(f"the encoder has {rows} token embeddings and the tokenizer {self.vocab_size} ids:"
                             f" set the encoder's vocab_size to at least {self.vocab_size}")  # fmt: skip

    def tokens(self, split: str) -> Tokens:
        """All documents of a split as ids, from the cache if they are there."""
        if split not in self._tokens:
            tokenizer = self._ready_tokenizer()
            content = _digest(self.source.fingerprint(split))
            name = f"{type(self.source).__name__}-{split}-{content}-{tokenizer.digest}-{FORMAT}"
            folder = cache_folder() / "tokens" / name
            self._tokens[split] = tokenise(self.source.documents(split), tokenizer, folder, split)
        return self._tokens[split]

    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> ResumableLoader:
        if split not in SPLITS:
            raise ValueError(f"split={split!r} is none of {', '.join(SPLITS)}")
        before, after = self._ready_tokenizer().around()
        room = self.max_length - len(before) - len(after)
        examples = Examples(self.tokens(split), self.class_names, room, before, after, labelled)
        if labelled and not len(examples):
            raise ValueError(f"{type(self.source).__name__} has no labelled documents in {split!r}: give its label field")
        if limit is not None:
            examples.choose(balanced(examples.labels, limit, seed))
        attached = self.trainer is not None
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if attached and not labelled else (0, 1)

        def of_epoch(epoch: int) -> list[list[int]]:
            batches = plan(examples.lengths, self.tokens_per_batch, shuffle=shuffle, bucket=self.bucket, seed=run_seed(),
                           epoch=epoch)  # fmt: skip
            return of_rank(batches, rank, world)

        vocabulary = self.vocabulary
        return ResumableLoader(
            examples,
            of_epoch,
            collate,
            attach=lambda batch: replace(batch, vocab=vocabulary),
            num_workers=self.num_workers,
            pin_memory=attached and torch.cuda.is_available(),
        )

    def _ready_tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise ValueError("TextDataModule has no tokenizer: give one, or let it adopt() the pretraining data's")
        texts = lambda: (document.text for document in self.source.documents("train"))  # noqa: E731
        self.tokenizer.prepare(texts, lambda: self.source.fingerprint("train"), cache_folder())
        return self.tokenizer


class Examples(Dataset):
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
        if labelled and (unknown := sorted(set(tokens.label_names) - set(class_names))):
            raise ValueError(f"labels {unknown[:5]} do not occur in the training split, which has {class_names[:20]}")
        # Each split numbers the labels that it has; a last entry keeps -1, no label.
        numbers = {name: number for number, name in enumerate(class_names)}
        labels = np.array([*(numbers.get(name, -1) for name in tokens.label_names), -1])[tokens.labels]
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
