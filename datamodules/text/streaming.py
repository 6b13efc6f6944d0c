"""Text that does not fit the disk: read, tokenised and packed while training goes on, and still resumed exactly."""

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from lit_pretrain.datamodules.files import cache_folder
from lit_pretrain.datamodules.retry import continued
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.datamodules.text.datamodule import TextDataModule, collate
from lit_pretrain.datamodules.text.source.base import Source
from lit_pretrain.datamodules.text.tokenizer.base import Tokenizer
from lit_pretrain.datamodules.watched import Watched, reading, resting
from lit_pretrain.types import TextBatch

AT_ONCE = 64  # documents that are tokenised together

# Where a reader stands: documents of its share that are used up in this pass over the source, and pieces of the next.
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
        self._position: dict | None = None
        self._loader: StreamLoader | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        return ()  # a stream is for pretraining; probes bring labelled data of their own

    def train_dataloader(self) -> "StreamLoader":
        self._loader = self.loader("train", shuffle=True)
        if self._position is not None:
            self._loader.load_state_dict(self._position)
        return self._loader

    def state_dict(self) -> dict:
        # Also here: from a checkpoint of the end of an epoch Lightning restores no loader's state.
        return super().state_dict() | ({} if self._loader is None else {"position": self._loader.state_dict()})

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self._position = state.get("position")

    def prepare_data(self) -> None:
        self._ready_tokenizer()
        for split in SPLITS[1:]:
            self.tokens(split)

    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> "StreamLoader":
        if labelled:
            raise ValueError("streamed data have no labelled view; give probes data of their own")
        if split != "train":
            return super().loader(split, shuffle=shuffle, limit=limit, seed=seed)
        self._ready_tokenizer()
        attached = self.trainer is not None
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if attached else (0, 1)
        return StreamLoader(self, rank, world)

    def _ready_tokenizer(self) -> Tokenizer:
        texts = lambda: (d.text for d in islice(self.source.documents("train"), self.tokenizer_documents))  # noqa: E731
        fingerprint = lambda: f"{self.source.fingerprint('train')}-{self.tokenizer_documents}"  # noqa: E731
        self.tokenizer.prepare(texts, fingerprint, cache_folder())
        return self.tokenizer


class StreamLoader:
    """An endless stream as epochs of `steps_per_epoch` batches, with the position of each worker as its state."""

    def __init__(self, data: StreamingTextDataModule, rank: int, world_size: int):
        # No reference to `data`, which refers to this: workers of a loader that only the garbage collector finds are
        # slow to end.
        self.steps, self.num_workers, self.world_size = data.steps_per_epoch, data.num_workers, world_size
        self.vocabulary, self.stream = data.vocabulary, Stream(data, rank, world_size)
        self.delivered = 0  # batches, over all epochs
        self.done = 0  # batches of this epoch
        self.cursors: list[Cursor] = [(0, 0)] * max(1, data.num_workers)
        self._resumed = False
        self._batches: Iterator[tuple[int, Cursor, TextBatch]] | None = None

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[TextBatch]:
        if not self._resumed:
            self.done = 0
        self._resumed = False
        if self._batches is None:  # readers go on from epoch to epoch: to find their place they read from the beginning
            self.stream.cursors, self.stream.delivered = list(self.cursors), self.delivered
            self._batches = Watched(self.stream, self.num_workers, batch_size=None)
        for _ in range(len(self) - self.done):
            worker, self.cursors[worker], batch = next(self._batches)
            self.delivered += 1
            self.done = (self.done + 1) % len(self)  # as Lightning never asks for the end
            yield replace(batch, vocab=self.vocabulary)

    def state_dict(self) -> dict:
        return {"delivered": self.delivered, "done": self.done, "cursors": [list(c) for c in self.cursors],
                "world_size": self.world_size}  # fmt: skip

    def load_state_dict(self, state: dict) -> None:
        """Raises ValueError if the run had another number of ranks or workers."""
        for name, saved, now in (("workers", len(state["cursors"]), len(self.cursors)),
                                 ("ranks", state["world_size"], self.world_size)):  # fmt: skip
            if saved != now:
                raise ValueError(f"the stream was read by {saved} {name} and cannot be resumed by {now}: use {saved}")
        self.delivered, self.done = state["delivered"], state["done"]
        self.cursors = [tuple(c) for c in state["cursors"]]
        self._resumed, self._batches = True, None


class Stream(IterableDataset):
    """The share of one worker: documents i with i = its number modulo all workers of all ranks."""

    def __init__(self, data: StreamingTextDataModule, rank: int, world_size: int):
        self.source, self.tokenizer, self.name = data.source, data.tokenizer, type(data.source).__name__
        self.budget, self.room = data.tokens_per_batch, data.max_length
        self.before, self.after = (np.array(ids, np.int64) for ids in data.tokenizer.around())
        self.rank, self.world_size = rank, world_size
        self.cursors: list[Cursor] = []  # of the workers, and batches delivered before: set before each reading
        self.delivered = 0

    def __iter__(self) -> Iterator[tuple[int, Cursor, TextBatch]]:
        info, workers = get_worker_info(), len(self.cursors)
        if info is not None:  # each worker is one process among several, and a fork must not use the parent's threads
            os.environ["TOKENIZERS_PARALLELISM"] = "false"
        # DataLoader asks its worker 0 first; after a cut, the worker whose turn it is must be that one.
        worker = ((info.id if info else 0) + self.delivered) % workers
        cursor = self.cursors[worker]
        held: list[tuple[int, np.ndarray, int, int]] = []
        size = 0
        for place, sample in self._pieces(worker, workers, cursor):
            if held and size + len(sample[1]) > self.budget:
                resting()
                yield worker, place, collate(held)
                held, size = [], 0
            held.append(sample)
            size += len(sample[1])

    def _pieces(self, worker: int, workers: int, cursor: Cursor) -> Iterator[tuple[Cursor, tuple]]:
        """Pieces from `cursor` on, each with the cursor that it stands at."""
        room = self.room - len(self.before) - len(self.after)
        skip = cursor[1]
        share = self._share(self.rank * workers + worker, self.world_size * workers, cursor[0])
        while rows := list(islice(share, AT_ONCE)):
            encoded = self.tokenizer.encode([text for _, _, text in rows])
            for (number, index, _), (ids, widths) in zip(rows, encoded, strict=True):
                n = -(-len(ids) // room)
                for p in range(skip, n):
                    start, stop = p * len(ids) // n, (p + 1) * len(ids) // n
                    piece = np.concatenate([self.before, np.array(ids[start:stop], np.int64), self.after])
                    yield (number, p), (index, piece, -1, sum(widths[start:stop]))
                skip = 0

    def _share(self, turn: int, turns: int, first: int) -> Iterator[tuple[int, int, str]]:
        """Every turns-th document from `first` on: its number in this share and in the source, and its text.

        The source is read again and again; its documents without text are left out.
        """
        while True:
            documents = ((i, text) for i, text in continued(self._texts, f"source {self.name}") if text)
            number = -1
            for number, (i, text) in enumerate(islice(documents, turn, None, turns)):
                if number >= first:
                    yield number, i, text
            if number < 0:
                raise ValueError(f"{self.name} has fewer training documents than the {turns} readers"
                                 " (ranks x workers) of the stream: use fewer workers")  # fmt: skip
            first = 0

    def _texts(self) -> Iterator[tuple[int, str]]:
        """Of all documents, with or without text: their numbers and texts."""
        for i, document in enumerate(self.source.documents("train")):
            reading(f"document {i} of source {self.name}")
            yield i, document.text
