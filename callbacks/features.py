"""The labelled examples that observers encode, and their features.

Legend: N examples, D width, U units of a batch, B examples of a batch.
"""

from collections.abc import Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import lightning as L
import torch
from torch import Tensor

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.types import Batch, Encoded

# Features of a trainer's present step: two probes of the same examples encode them once.
_ENCODED: WeakKeyDictionary[L.Trainer, tuple[int, dict[str, tuple[Tensor, Tensor]]]] = WeakKeyDictionary()


class LabelledView:
    """Labelled examples of a datamodule, as features.

    Args:
        data: whose; None: the labelled view of the data that the run trains on.
        limit: examples of each split, balanced over the classes.
        layer: name of the layer whose units are averaged over each example; None: the encoder's own pooling.
    """

    def __init__(self, data: DataModule | None, limit: int, layer: str | None):
        if limit < 1:
            raise ValueError(f"limit={limit}: a probe needs at least one example")
        self.data, self.limit, self.layer = data, limit, layer

    def describe(self, trainer: L.Trainer) -> dict[str, Any]:
        return {"data": spec(self._data(trainer)), "limit": self.limit, "layer": self.layer or "pooled"}

    def class_names(self, trainer: L.Trainer) -> tuple[str, ...]:
        return self._data(trainer).class_names

    def features(self, trainer: L.Trainer, pl_module: L.LightningModule, split: str) -> tuple[Tensor, Tensor]:
        """(N, D) float32 and (N,) int64 of all ranks, on the module's device. All ranks must call it.

        Raises:
            ValueError: there are no labels or no such layer; raised on all ranks, so that none waits for another.
        """
        step, kept = _ENCODED.get(trainer, (-1, {}))
        if step != trainer.global_step:
            _ENCODED[trainer] = (trainer.global_step, kept := {})
        key = repr((split, self.describe(trainer)))
        if key not in kept:
            kept[key] = self._gather(trainer, pl_module, split)
        return kept[key]

    def forget(self, trainer: L.Trainer) -> None:
        """Drop kept features: the weights may have changed without a step."""
        _ENCODED.pop(trainer, None)

    def _data(self, trainer: L.Trainer) -> DataModule:
        data = self.data or trainer.datamodule
        if not isinstance(data, DataModule):
            raise ValueError("a probe needs labelled data: give it `data`, or train on a datamodule of lit_pretrain")
        return data

    def _gather(self, trainer: L.Trainer, pl_module: L.LightningModule, split: str) -> tuple[Tensor, Tensor]:
        data = opened(trainer, self._data(trainer))
        shares = together(trainer, lambda: self._share(trainer, pl_module, data, split))
        features, labels, index = (torch.cat(column) for column in zip(*shares, strict=True))
        if trainer.world_size > 1:
            first = {number: row for row, number in reversed(list(enumerate(index.tolist())))}
            rows = [first[number] for number in sorted(first)]  # ranks may hold the same example
            features, labels = features[rows], labels[rows]
        if not len(labels):
            raise ValueError(f"{type(data).__name__} has no labelled examples in split {split!r}")
        return features.to(pl_module.device), labels.to(pl_module.device)

    def _share(
        self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule, split: str
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What this rank's loader gives, on the host: features, labels, index."""
        rows = [(torch.empty(0, pl_module.encoder.dim), *torch.empty(2, 0, dtype=torch.long))]
        for batch, encoded in self._encoded(trainer, pl_module, data, split, layers=self.layer is not None):
            if batch.labels is None:
                raise ValueError(f"{type(data).__name__} has no labels in split {split!r}: give the probe a labelled"
                                 " `data`, or leave it out")  # fmt: skip
            index = batch.labels if batch.index is None else batch.index
            rows.append((encoded.pool(self.layer).cpu(), batch.labels.cpu(), index.cpu()))
        features, labels, index = zip(*(rows[1:] or rows), strict=True)
        return torch.cat(features), torch.cat(labels), torch.cat(index)

    def _encoded(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        data: DataModule,
        split: str,
        layers: bool,
        labelled: bool = True,
    ) -> Iterator[tuple[Batch, Encoded]]:
        """The batches of this rank's loader, on the module's device, and what the encoder makes of them."""
        for batch in data.loader(split, shuffle=False, labelled=labelled, limit=self.limit):
            if batch.index is None and trainer.world_size > 1:
                raise ValueError(f"{type(data).__name__} must number its samples (`index`) to be probed on many ranks")
            batch = batch.to(pl_module.device)
            with trainer.precision_plugin.forward_context():
                encoded = pl_module.encode(batch, layers=layers)
            yield batch, encoded


def given_data(trainer: L.Trainer, given: DataModule | None) -> DataModule:
    """What an observer was given, `opened`, or else the run's data. All ranks must call it.

    Raises:
        ValueError: there is neither.
    """
    data = given or trainer.datamodule
    if not isinstance(data, DataModule):
        raise ValueError("this observer reads examples: give it `data`, or train on a datamodule of lit_pretrain")
    return opened(trainer, data)


def opened(trainer: L.Trainer, data: DataModule) -> DataModule:
    """The data in the form of the run's, downloaded by the first rank before the others read them, and set up once.

    All ranks must call it.
    """
    if data is trainer.datamodule or data.trainer is trainer:
        return data
    together(trainer, lambda: _download(trainer, data))
    data.trainer = trainer
    try:
        together(trainer, lambda: data.setup("fit"))
    except Exception:
        data.trainer = None  # it is not ready, and will be asked again
        raise
    return data


def _download(trainer: L.Trainer, data: DataModule) -> None:
    if isinstance(trainer.datamodule, DataModule):
        data.adopt(trainer.datamodule)
    if trainer.local_rank == 0:
        data.prepare_data()


def together(trainer: L.Trainer, work: Callable[[], Any]) -> list[Any]:
    """What `work` gives on each rank. A failure on one is raised on all, so that none waits for another."""
    if trainer.world_size == 1:
        return [work()]
    try:
        own = (work(), None)
    except Exception as error:
        own = (None, f"rank {trainer.global_rank}: {error}")
    every: list[Any] = [None] * trainer.world_size
    torch.distributed.all_gather_object(every, own)
    if failed := [reason for _, reason in every if reason is not None]:
        raise ValueError("; ".join(failed))
    return [given for given, _ in every]
