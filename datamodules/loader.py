"""A loader whose position is a number: it can stop anywhere and go on with the next batch.

The order of an epoch is a pure function of (seed, epoch), so the state is (epoch, batches delivered). It has a
length always, because Lightning reads one batch ahead from a loader without one and would lose it on resume. From one
with a length it takes exactly so many batches and never asks for the end, so the epoch is over with its last batch.
"""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from lit_pretrain.types import Batch


class ResumableLoader:
    """Batches of a dataset in a planned order.

    Args:
        dataset: sample number -> sample; each draw inside it must depend on (seed, epoch, index) only.
        plan: epoch -> the batches of this rank, each a list of sample numbers.
        collate: samples, as the dataset gives them -> batch (or what `attach` makes one of), in the workers.
        attach: batch -> batch, in the main process, for what should not travel from the workers; None: left out.
        num_workers: processes that read; 0: none.
    """

    def __init__(
        self,
        dataset: Dataset,
        plan: Callable[[int], list[list[int]]],
        collate: Callable[[Any], Any],
        *,
        attach: Callable[[Any], Batch | None] | None = None,
        num_workers: int = 0,
        pin_memory: bool = False,
    ):
        self.dataset, self.plan, self.collate, self.attach = dataset, plan, collate, attach
        self.num_workers, self.pin_memory = num_workers, pin_memory
        self.epoch = 0
        self.delivered = 0  # batches of this epoch that the training loop has received
        self._resumed = False
        self._planned: tuple[int, list[list[int]]] | None = None

    def batches(self) -> list[list[int]]:
        if self._planned is None or self._planned[0] != self.epoch:
            self._planned = (self.epoch, self.plan(self.epoch))
        return self._planned[1]

    def __len__(self) -> int:
        return len(self.batches())

    def __iter__(self) -> Iterator[Batch]:
        if self.delivered and not self._resumed:  # the epoch before was left early (limit_train_batches)
            self.epoch, self.delivered = self.epoch + 1, 0
        self._resumed = False
        batches = self.batches()
        loader = DataLoader(
            self.dataset,
            batch_sampler=batches[self.delivered :],
            collate_fn=self.collate,
            num_workers=self.num_workers,
            pin_memory=self.pin_memory,
            prefetch_factor=4 if self.num_workers else None,
            generator=torch.Generator(),  # the workers' base seed must not be drawn from the global generator
        )
        for batch in loader:
            self.delivered += 1
            if self.delivered == len(batches):
                self.epoch, self.delivered = self.epoch + 1, 0
            batch = batch if self.attach is None else self.attach(batch)
            if batch is not None:
                yield batch

    def set_epoch(self, epoch: int) -> None:
        """Be at the beginning of this epoch, unless inside it already.

        Lightning calls it before each epoch; from a checkpoint of the end of an epoch it restores no loader's state.
        """
        if epoch != self.epoch:
            self.epoch, self.delivered, self._resumed = epoch, 0, False

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """Where Lightning looks for `set_epoch`."""
        return SimpleNamespace(sampler=self)

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "delivered": self.delivered}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self.delivered = state["epoch"], state["delivered"]
        self._resumed = True
