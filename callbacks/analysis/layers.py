"""All layers of labelled examples, read in one pass.

Legend: B examples of a batch, U units of a batch, E examples, M units, N labelled rows, D width of a layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import lightning as L
import torch
from torch import Tensor

from lit_pretrain.callbacks.features import LabelledView, opened, together
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.types import Batch, Encoded, Layout

GOLDEN = 0.6180339887498949  # multiples of it lie evenly between whole numbers, however many there are
PER_EXAMPLE = ("index", "labels", "pooled")  # the others have one row a unit: "owner", "unit_labels", "units"
Columns = dict[tuple[str, str], Tensor]  # (one of these, layer or nothing) -> values


@dataclass(frozen=True)
class Layers:
    """What an encoder makes of the same rows in each of its layers, float32 and on the host.

    Args:
        rows: layer -> (M, D) units, or (E, D) means over units where layers differ in resolution.
        labelled: layer -> (N, D): units, where they have labels of their own, or else means over the units of examples.
        labels: (N,) int64; None: neither has classes.
    """

    rows: dict[str, Tensor]
    labelled: dict[str, Tensor]
    labels: Tensor | None


class LabelledLayers(LabelledView):
    """Labelled examples of a datamodule, or any where there are no labels, as every layer represents them.

    Args:
        data, limit: see `LabelledView`.
        units: of each example, the most that are kept, spread evenly over it; where they begin differs from example to
            example, and is the same each time. Leading units are left out.
    """

    def __init__(self, data: DataModule | None, limit: int, units: int):
        super().__init__(data, limit, None)
        if units < 1:
            raise ValueError(f"units={units}: keep at least one of each example")
        self.units = units

    def describe(self, trainer: L.Trainer) -> dict[str, Any]:
        return {key: value for key, value in super().describe(trainer).items() if key != "layer"} | {"units": self.units}

    def layers(self, trainer: L.Trainer, pl_module: L.LightningModule, split: str) -> Layers:
        """Of all ranks. All ranks must call it.

        Raises:
            ValueError: the split is empty; raised on all ranks, so that none waits for another.
        """
        data = opened(trainer, self._data(trainer))
        shares = [share for share in together(trainer, lambda: self._columns(trainer, pl_module, data, split)) if share]
        if not shares:
            raise ValueError(f"{type(data).__name__} has no examples in split {split!r}")
        found = joined(shares) if trainer.world_size == 1 else without_repetition(joined(shares))
        pooled, units = ({name: x for (kind, name), x in found.items() if kind == k} for k in ("pooled", "units"))
        if units and ("unit_labels", "") in found:
            labels = found["unit_labels", ""]
            known = labels >= 0
            return Layers(units, {name: x[known] for name, x in units.items()}, labels[known])
        return Layers(units or pooled, pooled, found.get(("labels", "")))

    def _columns(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule, split: str) -> Columns:
        """What this rank's loader gives, on the host."""
        parts, seen, labelled = [], 0, bool(data.class_names or data.label_names or data.unit_names)
        for batch, encoded in self._encoded(trainer, pl_module, data, split, layers=True, labelled=labelled):
            parts.append(self._part(batch, encoded, seen))
            seen += batch.num_examples
        return joined(parts) if parts else {}

    def _part(self, batch: Batch, encoded: Encoded, seen: int) -> Columns:
        layout, labels = encoded.layout, batch.labels
        index = torch.arange(seen, seen + batch.num_examples) if batch.index is None else batch.index.cpu()
        part = {("index", ""): index}
        part |= {("pooled", name): encoded.pool(name).cpu() for name in encoded.layers}
        if labels is not None and labels.ndim == 1 and not labels.is_floating_point():
            part["labels", ""] = labels.cpu()
        chosen = places(layout, index.tolist(), self.units)
        part["owner", ""] = layout.example.cpu()[chosen]
        if all(len(x) == layout.num_units for x in encoded.layers.values()):
            there = chosen.to(layout.device)
            part |= {("units", name): x[there].float().cpu() for name, x in encoded.layers.items()}
            if batch.unit_labels is not None:
                part["unit_labels", ""] = batch.unit_labels.at(layout)[there].cpu()
        return part


def places(layout: Layout, index: Sequence[int], most: int) -> Tensor:
    """(M,) numbers of the chosen units in the flat tensor of all: at most so many of each example."""
    chosen, first = [torch.empty(0, dtype=torch.long)], 0
    for number, length in zip(index, layout.lengths, strict=True):
        n = length - layout.leading
        k = min(n, most)
        shift = GOLDEN * number % 1
        spread = ((torch.arange(k, dtype=torch.float64) + shift) * n / max(k, 1)).long().clamp(max=n - 1)
        chosen.append(first + layout.leading + spread)
        first += length
    return torch.cat(chosen)


def joined(parts: Sequence[Columns]) -> Columns:
    """The columns that all parts have, one part after the other; owners are counted through."""
    before = [0, *accumulate(len(part["index", ""]) for part in parts)]
    parts = [part | {("owner", ""): part["owner", ""] + n} for part, n in zip(parts, before[:-1], strict=True)]
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0] if all(key in part for part in parts)}


def without_repetition(columns: Columns) -> Columns:
    """Each example once, in the order of their numbers: ranks may hold the same one."""
    numbers = columns["index", ""].tolist()
    first = {number: row for row, number in reversed(list(enumerate(numbers)))}
    rows = torch.tensor([first[number] for number in sorted(first)])
    place = torch.full((len(numbers),), -1).scatter(0, rows, torch.arange(len(rows)))  # of each example; -1: not kept
    owner = place[columns["owner", ""]]
    units = owner.argsort(stable=True)[int((owner < 0).sum()) :]
    columns = columns | {("owner", ""): owner}
    return {key: x[rows if key[0] in PER_EXAMPLE else units] for key, x in columns.items()}
