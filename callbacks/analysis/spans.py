"""Spans of units that the data know something about, as every layer represents them.

Legend: U units of a batch, K layers, M units of all spans, P edges, S spans of each edge.
"""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from lit_pretrain.callbacks.features import given_data, together
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.probes.edges import Edges
from lit_pretrain.types import Batch, Encoded, Layout

UNITS, RELATIONS = "units", "relations"  # the tasks
Found = dict[tuple[str, str], list[tuple[Tensor, Tensor]]]  # task and label -> units (K, M, D) and lengths (P, S)


class LabelledSpans:
    """Reads edges, by task and label:

    `units`: runs of units with the same label (`Batch.unit_labels`), such as the phones of what is said;
    `relations`: pairs of stretches in a relation (`DataModule.relations`), such as a condition and its body.

    Args:
        data: of the encoder's modality; None: what the run trains on.
        limit: examples of each split that are read.
        edges: of each label and split that are kept, at most.
    """

    def __init__(self, data: DataModule | None, limit: int, edges: int):
        if limit < 1 or edges < 1:
            raise ValueError(f"limit={limit}, edges={edges}: give at least one of each")
        self.data, self.limit, self.edges = data, limit, edges
        self.layers: list[str] = []

    def describe(self, trainer: L.Trainer) -> dict[str, Any]:
        return {"data": spec(given_data(trainer, self.data)), "limit": self.limit, "edges": self.edges}

    def found(self, trainer: L.Trainer, pl_module: L.LightningModule, split: str) -> Found:
        """Of all ranks, on the host. All ranks must call it."""
        data = given_data(trainer, self.data)
        shares = together(trainer, lambda: self._share(trainer, pl_module, data, split))
        keys = sorted({key for share in shares for key in share})
        return {key: [part for share in shares for part in share.get(key, [])] for key in keys}

    def _share(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule, split: str) -> Found:
        """Of the examples that this rank's loader gives."""
        found: Found = {}
        for batch in data.loader(split, shuffle=False, limit=self.limit):
            batch = batch.to(pl_module.device)
            with trainer.precision_plugin.forward_context():
                encoded = pl_module.encode(batch, layers=True)
            self.layers = [*encoded.layers]
            for key, spans in spans_of(batch, data, encoded.layout).items():
                kept = found.setdefault(key, [])
                room = self.edges - sum(len(lengths) for _, lengths in kept)
                if room > 0:
                    kept.append(gathered(encoded, spans[:room]))
        return found


def spans_of(batch: Batch, data: DataModule, layout: Layout) -> dict[tuple[str, str], Tensor]:
    """Task and label -> (P, S, 2) int64, the first unit of each span and the one after its last.

    Raises:
        ValueError: the units of the encoder are not those whose relations are known.
    """
    found = {}
    if batch.unit_labels is not None and data.unit_names:
        labels = batch.unit_labels.at(layout)
        edges = torch.ones(len(labels) + 1, dtype=torch.bool, device=labels.device)
        edges[1:-1] = (labels[1:] != labels[:-1]) | (layout.example[1:] != layout.example[:-1])
        starts = edges.nonzero()[:, 0]
        runs = torch.stack([starts[:-1], starts[1:]], 1)[:, None]  # (P, 1, 2)
        of_run = labels[starts[:-1]]
        found |= {(UNITS, name): runs[of_run == number] for number, name in enumerate(data.unit_names)}
    relations = data.relations(batch)
    if relations is not None:
        if layout.num_units != len(relations.among) or layout.leading:
            raise ValueError("the units of this encoder are not those whose relations are known")
        found |= {(RELATIONS, name): pairs.unflatten(1, (2, 2)) for name, pairs in relations.pairs.items()}
    return {key: spans for key, spans in found.items() if len(spans)}


def gathered(encoded: Encoded, spans: Tensor) -> tuple[Tensor, Tensor]:
    """(K, M, D) float32 units of spans (P, S, 2), and their lengths (P, S), on the host.

    Raises:
        ValueError: layers differ in their width, or have not one row for each unit.
    """
    shapes = {x.shape for x in encoded.layers.values()}
    if len(shapes) > 1 or next(iter(shapes))[0] != encoded.layout.num_units:
        raise ValueError("layers are mixed unit by unit, and those of this encoder differ in width or number of units")
    lengths = spans[..., 1] - spans[..., 0]
    flat = lengths.flatten()
    span = torch.arange(len(flat), device=flat.device).repeat_interleave(flat)
    place = torch.arange(len(span), device=flat.device) - (flat.cumsum(0) - flat)[span]
    units = spans[..., 0].flatten()[span] + place
    return torch.stack([x[units].float().cpu() for x in encoded.layers.values()]), lengths.cpu()


def labelled(found: Found, task: str, names: list[str]) -> Edges:
    """The edges of a task, whose labels are the numbers of these names."""
    rows = [(units, lengths, number) for number, name in enumerate(names) for units, lengths in found.get((task, name), [])]
    labels = [torch.full((len(lengths),), number) for _, lengths, number in rows]
    return Edges(torch.cat([units for units, _, _ in rows], 1), torch.cat([row[1] for row in rows]), torch.cat(labels))
