"""A loader whose position is a number: it can stop anywhere and go on with the next batch.

The order of an epoch is a pure function of (seed, epoch), so the state is (epoch, batches delivered). It has a
length always, because Lightning reads one batch ahead from a loader without one and would lose it on resume.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from lit_pretrain.types import Batch


class ResumableLoader:
    """Batches of a dataset in a planned order.

    Args:
        dataset: sample number -> sample; each draw inside it must depend on (seed, epoch, index) only.
        plan: epoch -> the batches of this rank, each a list of sample numbers.
        collate: samples -> batch, in the workers.
        attach: batch -> batch, in the main process, for what should not travel from the workers.
        num_workers: processes that read; 0: none.
    """

    def __init__(
        self,
        dataset: Dataset,
        plan: Callable[[int], list[list[int]]],
        collate: Callable[[list[Any]], Batch],
        *,
        attach: Callable[[Batch], Batch] | None = None,
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
        if not self._resumed:
            self.delivered = 0
        self._resumed = False
        loader = DataLoader(
            self.dataset,
            batch_sampler=self.batches()[self.delivered :],
            collate_fn=self.collate,
            num_workers=self.num_workers,
            pin_memory=self.pin_memory,
            prefetch_factor=4 if self.num_workers else None,
            generator=torch.Generator(),  # the workers' base seed must not be drawn from the global generator
        )
        for batch in loader:
            self.delivered += 1
            yield batch if self.attach is None else self.attach(batch)
        self.epoch, self.delivered = self.epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "delivered": self.delivered}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.epoch, self.delivered = state["epoch"], state["delivered"]
        self._resumed = True
