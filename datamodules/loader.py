"""A loader whose position is a number: it can stop anywhere and go on with the next batch.

The order of an epoch is a pure function of (seed, epoch), and the ranks take its batches in turn, so the state is
(epoch, batches delivered to each rank), and another number of ranks can go on from there. It has a length always, because
Lightning reads one batch ahead from a loader without one and would lose it on resume. From one with a length it takes
exactly so many batches and never asks for the end, so the epoch is over with its last batch.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import lightning as L
from lightning.pytorch.trainer.connectors.data_connector import _parse_num_batches
from lightning.pytorch.trainer.states import RunningStage
from lightning.pytorch.utilities.combined_loader import CombinedLoader
from lightning.pytorch.utilities.data import sized_len
from torch.utils.data import Dataset

from lit_pretrain.datamodules.order import evenly
from lit_pretrain.datamodules.watched import Noted, Watched
from lit_pretrain.types import Batch


class ResumableLoader:
    """Batches of a dataset in a planned order.

    Args:
        dataset: sample number -> sample; each draw inside it must depend on (seed, epoch, index) only.
        plan: epoch -> the batches of all ranks, each a list of sample numbers.
        collate: samples, as the dataset gives them -> batch (or what `attach` makes one of), in the workers.
        attach: batch -> batch, in the main process, for what should not travel from the workers; None: left out.
        num_workers: processes that read; 0: none.
        rank, ranks: whose batches these are, and of how many; see `evenly`.

    Attributes:
        trainer: that trains on it; it is told how long each epoch is.
    """

    trainer: L.Trainer | None = None

    def __init__(
        self,
        dataset: Dataset,
        plan: Callable[[int], list[list[int]]],
        collate: Callable[[Any], Any],
        *,
        attach: Callable[[Any], Batch | None] | None = None,
        num_workers: int = 0,
        pin_memory: bool = False,
        rank: int = 0,
        ranks: int = 1,
    ):
        self.dataset, self.plan, self.collate, self.attach = dataset, plan, collate, attach
        self.num_workers, self.pin_memory, self.rank, self.ranks = num_workers, pin_memory, rank, ranks
        self.epoch = 0
        self.delivered = 0  # batches of this epoch that the training loop has received from these ranks
        self.before: list[list[int]] = []  # ranks of another number that began the epoch, and what each of them received
        self._resumed = False
        self._planned: tuple[int, list[list[int]]] | None = None

    def batches(self) -> list[list[int]]:
        """Of this rank in this epoch, from where these ranks began."""
        if self._planned is None or self._planned[0] != self.epoch:
            batches = self.plan(self.epoch)
            for ranks, delivered in self.before:
                batches = evenly(batches, ranks)[ranks * delivered :]
            self._planned = (self.epoch, evenly(batches, self.ranks)[self.rank :: self.ranks])
        return self._planned[1]

    def __len__(self) -> int:
        return sum(delivered for _, delivered in self.before) + len(self.batches())

    def __iter__(self) -> Iterator[Batch]:
        if self.delivered and not self._resumed:  # the epoch before was left early (limit_train_batches)
            self._begin(self.epoch + 1)
        self._resumed = False
        batches = self.batches()
        loader = Watched(
            Noted(self.dataset),
            self.num_workers,
            batch_sampler=batches[self.delivered :],
            collate_fn=self.collate,
            pin_memory=self.pin_memory,
            prefetch_factor=4 if self.num_workers else None,
        )
        for batch in loader:
            self.delivered += 1
            if self.delivered == len(batches):
                self._begin(self.epoch + 1)
            batch = batch if self.attach is None else self.attach(batch)
            if batch is not None:
                yield batch

    def part(self, first: int, end: int) -> "ResumableLoader":
        """A loader of the batches `first` to `end` - 1 of this epoch alone."""
        batches = self.batches()[first:end]
        return ResumableLoader(self.dataset, lambda epoch: batches, self.collate, attach=self.attach,
                               num_workers=self.num_workers, pin_memory=self.pin_memory)  # fmt: skip

    def set_epoch(self, epoch: int) -> None:
        """Be at the beginning of this epoch, unless inside it already.

        Lightning calls it before each epoch; from a checkpoint of the end of an epoch it restores no loader's state. It also
        takes the length of the first epoch, as it was before the loader's state was restored, for that of all.
        """
        if self.trainer is not None:  # a module that asks for the number of steps makes Lightning load its loaders too early
            self.trainer.fit_loop._load_combined_loader_states()
        if epoch != self.epoch:
            self._begin(epoch)
            self._resumed = False
        if self.trainer is not None:
            _tell_length(self.trainer)

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """Where Lightning looks for `set_epoch`."""
        return SimpleNamespace(sampler=self)

    def _begin(self, epoch: int) -> None:
        self.epoch, self.delivered, self.before = epoch, 0, []

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "delivered": self.delivered, "ranks": self.ranks, "before": self.before}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._begin(state["epoch"])
        self._planned, self._resumed = None, True
        self.before = [list(stage) for stage in state.get("before", ())]
        if state.get("ranks", self.ranks) == self.ranks:
            self.delivered = state["delivered"]
        elif state["delivered"]:
            self.before.append([state["ranks"], state["delivered"]])


def _tell_length(trainer: L.Trainer) -> None:
    loop, limit = trainer.fit_loop, trainer.limit_train_batches
    combined: CombinedLoader = loop._combined_loader
    combined.limits = [_parse_num_batches(RunningStage.TRAINING, len(part), limit) for part in combined.flattened]
    combined._iterator.limits = combined.limits  # of an epoch that has been resumed the iterator is there already
    loop.max_batches = loop._data_fetcher.length = sized_len(combined)
