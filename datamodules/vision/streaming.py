"""Images that do not fit the disk: shards read, decoded and augmented while training goes on, and resumed exactly."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.draws import fold, run_seed
from lit_pretrain.datamodules.split import SPLITS
from lit_pretrain.datamodules.unreadable import AT_LEAST, NAMED, Unreadable, UnreadableSamples, limit_of
from lit_pretrain.datamodules.vision.datamodule import VisionDataModule
from lit_pretrain.datamodules.vision.decode import Decoder
from lit_pretrain.datamodules.vision.samples import Collate, Collated, Decoded, Preparation, stacked
from lit_pretrain.datamodules.vision.source.shards import Member, Members, Shards
from lit_pretrain.datamodules.vision.views import View
from lit_pretrain.datamodules.watched import Watched, reading, resting
from lit_pretrain.types import ImageBatch

HOPELESS = 10  # unreadable images for each place of a batch at which a reader gives up
PLACES = 2**20  # a sample's number is its shard's number times this, plus its place in the shard


class Cursor(NamedTuple):
    """Where a reader stands.

    Args:
        shard: shards of its share that are used up, over all passes.
        member: samples of the next one that belong to blocks which are used up.
        block: blocks that are used up, over all shards.
        offset: samples of the block after those, in its shuffled order, that are used up.
    """

    shard: int = 0
    member: int = 0
    block: int = 0
    offset: int = 0


class StreamingVisionDataModule(VisionDataModule):
    """The training split is streamed from tar shards, again and again; the others are as in `VisionDataModule`.

    Shards are dealt out to ranks and workers, which read them in a new order each pass and shuffle blocks of samples.
    The position of every worker is saved with the batch that was last trained on, not with what workers have read ahead,
    so a resumed run neither skips nor repeats an image; it needs the same number of ranks and workers.

    Args:
        source: the shards.
        views, image_size, channels, mean, std, batch_size, num_workers, max_pixels: see `VisionDataModule`.
        steps_per_epoch: batches that Lightning takes for an epoch; a stream has no end of its own.
        block: so many neighbours are shuffled together, undecoded.
        max_unreadable: the most unreadable images: a number, or a share of those read so far (then at least 10).
    """

    def __init__(
        self,
        source: Shards,
        views: list[View] | None = None,
        steps_per_epoch: int = 1000,
        *,
        image_size: int | None = None,
        channels: int | None = None,
        mean: list[float] | None = None,
        std: list[float] | None = None,
        batch_size: int = 256,
        num_workers: int = 1,
        block: int = 256,
        max_unreadable: int | float = 0.01,
        max_pixels: int = Decoder.max_pixels,
    ):
        super().__init__(source, views, image_size=image_size, channels=channels, mean=mean, std=std,
                         batch_size=batch_size, num_workers=num_workers, max_unreadable=max_unreadable,
                         max_pixels=max_pixels)  # fmt: skip
        if steps_per_epoch < 1 or block < 1:
            raise ValueError(f"steps_per_epoch={steps_per_epoch} and block={block} must be at least 1")
        self.steps_per_epoch, self.block = steps_per_epoch, block
        self._position: dict | None = None
        self._loader: StreamLoader | None = None

    def fingerprint(self) -> dict[str, Any]:
        return DataModule.fingerprint(self) | {"the number of shards": len(self.source.shards("train"))}

    def prepare_data(self) -> None:
        for split in SPLITS[1:]:
            self.images(split)

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

    def loader(
        self, split: str, *, shuffle: bool, labelled: bool = False, limit: int | None = None, seed: int = 0
    ) -> "StreamLoader":
        if split != "train":
            return super().loader(split, shuffle=shuffle, labelled=labelled, limit=limit, seed=seed)
        if labelled:
            raise ValueError("streamed training data have no labelled view; give probes data of their own")
        return StreamLoader(self)


class StreamLoader:
    """An endless stream as epochs of `steps_per_epoch` batches, with the position of each worker as its state."""

    def __init__(self, data: StreamingVisionDataModule):
        # No reference to `data`, which refers to this: workers of a loader that only the garbage collector finds are
        # slow to end.
        self.rank, self.world_size = data._ranks()
        self.steps, self.batch_size, self.max_unreadable = data.steps_per_epoch, data.batch_size, data.max_unreadable
        self.num_workers, self.pin_memory = data.num_workers, data._device.type == "cuda"
        self.unreadable = UnreadableSamples("images", "train", AT_LEAST)
        collate, self.attach = data._finishing(data.views, self.unreadable)
        self.stream = Stream(data, collate, self.rank, self.world_size)
        self.delivered = 0  # batches, over all epochs
        self.done = 0  # batches of this epoch
        self.cursors = [Cursor()] * max(1, data.num_workers)
        self._resumed = False
        self._batches: Iterator[tuple[int, Cursor, Collated]] | None = None

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[ImageBatch]:
        if not self._resumed:
            self.done = 0
        self._resumed = False
        if self._batches is None:  # readers go on from epoch to epoch
            self.stream.cursors, self.stream.delivered = list(self.cursors), self.delivered
            self._batches = Watched(self.stream, self.num_workers, batch_size=None, pin_memory=self.pin_memory)
        for _ in range(len(self) - self.done):
            worker, self.cursors[worker], collated = next(self._batches)
            self.delivered += 1
            self.done = (self.done + 1) % len(self)  # as Lightning never asks for the end
            self.unreadable.limit = limit_of(self.max_unreadable, self.delivered * self.batch_size)
            yield self.attach(collated)

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
        self.cursors = [Cursor(*c) for c in state["cursors"]]
        self._resumed, self._batches = True, None


class Stream(IterableDataset):
    """The share of one worker: in each pass, every n-th shard of a new order of them, n being all workers of all ranks."""

    def __init__(self, data: StreamingVisionDataModule, collate: Collate, rank: int, world_size: int):
        self.source, self.batch_size, self.block = data.source, data.batch_size, data.block
        self.prepare, self.collate = Preparation(data.views, data.image_size, data.channels), collate
        self.decoder = data.decoder()
        self.rank, self.world_size = rank, world_size
        self.cursors: list[Cursor] = []  # of the workers, and batches delivered before: set before each reading
        self.delivered = 0

    def __iter__(self) -> Iterator[tuple[int, Cursor, Collated]]:
        info, workers = get_worker_info(), len(self.cursors)
        # DataLoader asks its worker 0 first; after a cut, the worker whose turn it is must be that one.
        worker = ((info.id if info else 0) + self.delivered) % workers
        taken, prepared, unreadable = [], [], {}
        samples = self._samples(self.rank * workers + worker, self.world_size * workers, self.cursors[worker])
        for cursor, index, seed, member in samples:
            reading(member.name)
            try:
                prepared.append(self.prepare.one(member.decoded(self.decoder), seed))
                taken.append((index, seed, member))
            except Unreadable as problem:
                unreadable[problem.name] = problem.reason
            if len(taken) == self.batch_size:
                resting()
                yield worker, cursor, self.collate(self._batch(taken, prepared, unreadable))
                taken, prepared, unreadable = [], [], {}
            elif len(unreadable) > HOPELESS * self.batch_size:
                first = "\n".join(f"  {name}: {why}" for name, why in islice(unreadable.items(), NAMED))
                raise ValueError(f"nearly all images of the training shards are unreadable. The first:\n{first}")

    def _batch(self, taken: list[tuple[int, Tensor, Member]], prepared: list, unreadable: dict[str, str]) -> Decoded:
        index, seeds, members = zip(*taken, strict=True)
        images = Members(list(members), self.source, self.decoder)
        labels = None if images.labels is None or (images.labels < 0).any() else torch.from_numpy(images.labels)
        tags = None if images.tags is None else torch.from_numpy(images.tags)
        return Decoded(torch.tensor(index), torch.stack(seeds), *stacked(prepared), labels, tags,
                       tuple(unreadable.items()))  # fmt: skip

    def _samples(self, turn: int, turns: int, cursor: Cursor) -> Iterator[tuple[Cursor, int, Tensor, Member]]:
        """Samples from `cursor` on, each with the cursor after it, its number in the source, and its seed."""
        shards = self.source.shards("train")
        share = len(range(turn, len(shards), turns))
        if not share:
            raise ValueError(f"{len(shards)} training shards are fewer than the {turns} readers (ranks x workers) of the"
                             " stream: use fewer workers, or more and smaller shards")  # fmt: skip
        seed, (begin, first, block, offset) = run_seed(), cursor
        last = begin // share  # the pass in which a sample was found
        for used in count(begin):
            epoch, place = divmod(used, share)
            if epoch > last + 1:
                raise ValueError(f"the {share} training shards of a reader, the first {shards[turn]}, hold no samples")
            shard = int(np.random.default_rng([seed, epoch]).permutation(len(shards))[turn::turns][place])
            members = self.source.members(shards[shard], first)
            reading(shards[shard])
            while rows := list(islice(members, self.block)):
                last = epoch
                order = np.random.default_rng([seed, turn, block]).permutation(len(rows))
                for done in range(offset + 1, len(rows) + 1):
                    number, member = rows[order[done - 1]]
                    index = shard * PLACES + number
                    yield Cursor(used, first, block, done), index, fold(torch.tensor(seed), epoch, index), member
                first, block, offset = first + len(rows), block + 1, 0
            first = 0
