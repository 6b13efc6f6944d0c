"""Text that does not fit the disk: read, tokenised and packed while training goes on, and still resumed exactly."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from lit_pretrain.datamodules.text.datamodule import TextDataModule, collate
from lit_pretrain.datamodules.text.source.base import SPLITS, Source
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.datamodules.text.tokens import cache_folder
from lit_pretrain.types import TextBatch

AT_ONCE = 64  # documents that are tokenised together

# Where a reader stands: documents of its share that are used up, and pieces of the next one.
Cursor = tuple[int, int]


class StreamingTextDataModule(TextDataModule):
    """The training split is streamed in source order, again and again; the other splits are as in `TextDataModule`.

    Documents are dealt out to ranks and workers in turn. The position of every worker is saved with the batch that was
    last trained on, not with what workers have read ahead, so a resumed run neither skips nor repeats a document; it
    needs the same number of ranks and workers.

    Args:
        source: where documents come from, such as `Hub(streaming=True)`.
        tokenizer: where it must be trained, the first `tokenizer_documents` documents serve.
        steps_per_epoch: batches that Lightning takes for an epoch; a stream has no end of its own.
        max_length, tokens_per_batch, num_workers: see `TextDataModule`.
        tokenizer_documents: how many documents train the tokenizer.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: Tokenizer,
        steps_per_epoch: int = 1000,
        *,
        max_length: int = 256,
        tokens_per_batch: int = 8192,
        num_workers: int = 1,
        tokenizer_documents: int = 10_000,
    ):
        super().__init__(source, tokenizer, max_length=max_length, tokens_per_batch=tokens_per_batch,
                         num_workers=num_workers)  # fmt: skip
        if steps_per_epoch < 1:
            raise ValueError(f"steps_per_epoch={steps_per_epoch} must be at least 1")
        self.steps_per_epoch, self.tokenizer_documents = steps_per_epoch, tokenizer_documents

    @property
    def class_names(self) -> tuple[str, ...]:
        return ()  # a stream is for pretraining; probes bring labelled data of their own

    def prepare_data(self) -> None:
        self._ready_tokenizer()
        for split in SPLITS[1:]:
            self.tokens(split)

    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> "StreamLoader":
        if split != "train":
            return super().loader(split, shuffle=shuffle, labelled=labelled, limit=limit, seed=seed)
        if labelled:
            raise ValueError("a streamed training split has no labelled view; give probes data of their own")
        attached = self.trainer is not None
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if attached else (0, 1)
        return StreamLoader(self, rank, world)

    def _ready_tokenizer(self) -> Tokenizer:
        texts = lambda: (d.text for d in islice(self.source.documents("train"), self.tokenizer_documents))  # noqa: E731
        name = f"{self.source.fingerprint('train')}-{self.tokenizer_documents}"
        self.tokenizer.prepare(texts, name, cache_folder())
        return self.tokenizer


class StreamLoader:
    """An endless stream as epochs of `steps_per_epoch` batches, with the position of each worker as its state."""

    def __init__(self, data: StreamingTextDataModule, rank: int, world_size: int):
        self.data, self.rank, self.world_size = data, rank, world_size
        self.delivered = 0  # batches, over all epochs
        self.cursors: list[Cursor] = [(0, 0)] * max(1, data.num_workers)

    def __len__(self) -> int:
        return self.data.steps_per_epoch

    def __iter__(self) -> Iterator[TextBatch]:
        done = self.delivered % len(self)  # a resumed epoch goes on; a new one begins
        stream = Stream(self.data, self.rank, self.world_size, list(self.cursors), self.delivered)
        loader = DataLoader(stream, batch_size=None, num_workers=self.data.num_workers, generator=torch.Generator())
        vocabulary = self.data.vocabulary
        for worker, cursor, batch in islice(loader, len(self) - done):
            self.cursors[worker] = cursor
            self.delivered += 1
            yield replace(batch, vocab=vocabulary)

    def state_dict(self) -> dict:
        return {"delivered": self.delivered, "cursors": [list(c) for c in self.cursors], "world_size": self.world_size}

    def load_state_dict(self, state: dict) -> None:
        """Raises ValueError if the run had another number of ranks or workers."""
        for name, saved, now in (("workers", len(state["cursors"]), len(self.cursors)),
                                 ("ranks", state["world_size"], self.world_size)):  # fmt: skip
            if saved != now:
                raise ValueError(f"the stream was read by {saved} {name} and cannot be resumed by {now}: use {saved}")
        self.delivered, self.cursors = state["delivered"], [tuple(c) for c in state["cursors"]]


class Stream(IterableDataset):
    """The share of one worker: documents i with i = its number modulo all workers of all ranks."""

    def __init__(self, data: StreamingTextDataModule, rank: int, world_size: int, cursors: list[Cursor], delivered: int):
        self.source, self.tokenizer = data.source, data.tokenizer
        self.budget, self.room = data.tokens_per_batch, data.max_length
        self.before, self.after = (np.array(ids, np.int64) for ids in data.tokenizer.around())
        self.rank, self.world_size, self.cursors, self.delivered = rank, world_size, cursors, delivered

    def __iter__(self) -> Iterator[tuple[int, Cursor, TextBatch]]:
        info, workers = get_worker_info(), len(self.cursors)
        # DataLoader asks its worker 0 first; after a cut, the worker whose turn it is must be that one.
        worker = ((info.id if info else 0) + self.delivered) % workers
        cursor = self.cursors[worker]
        held: list[tuple[int, np.ndarray, int, int]] = []
        size = 0
        for place, sample in self._pieces(worker, workers, cursor):
            if held and size + len(sample[1]) > self.budget:
                yield worker, place, collate(held)
                held, size = [], 0
            held.append(sample)
            size += len(sample[1])

    def _pieces(self, worker: int, workers: int, cursor: Cursor) -> Iterator[tuple[Cursor, tuple]]:
        """Pieces from `cursor` on, each with the cursor that it stands at."""
        room = self.room - len(self.before) - len(self.after)
        skip = cursor[1]
        share = islice(self._share(worker, workers), cursor[0], None)
        number = cursor[0]
        while texts := list(islice(share, AT_ONCE)):
            for ids, widths in self.tokenizer.encode([text for _, text in texts]):
                n = -(-len(ids) // room)
                for p in range(skip, n):
                    start, stop = p * len(ids) // n, (p + 1) * len(ids) // n
                    piece = np.concatenate([self.before, np.array(ids[start:stop], np.int64), self.after])
                    index = texts[(number - cursor[0]) % AT_ONCE][0]
                    yield (number, p), (index, piece, -1, sum(widths[start:stop]))
                skip = 0
                number += 1

    def _share(self, worker: int, workers: int) -> Iterator[tuple[int, str]]:
        """This worker's documents and their numbers in the source, which is read again from its end on."""
        turn, turns = self.rank * workers + worker, self.world_size * workers
        for _ in count():
            empty = True
            for i, document in enumerate(self.source.documents("train")):
                empty = False
                if i % turns == turn:
                    yield i, document.text
            if empty:
                raise ValueError(f"{type(self.source).__name__} has no training documents")
