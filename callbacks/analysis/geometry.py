"""How the layers of an encoder lie in their space, while it is being learned.

Legend: M units, N labelled rows, D width of a layer.
"""

from collections import defaultdict
from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor

from lit_pretrain.callbacks.analysis.layers import LabelledLayers
from lit_pretrain.callbacks.canvas import Drawn, profiles
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes.geometry import (
    alignment,
    effective_rank,
    mean_cosine,
    partition_isotropy,
    rankme,
    uniformity,
)

OF_ROWS = {
    "rankme": rankme,
    "effective_rank": effective_rank,
    "uniformity": uniformity,
    "mean_cosine": mean_cosine,
    "isotropy": partition_isotropy,
}


class Geometry(Measurement):
    """Rank, uniformity, alignment and isotropy of every layer (see `probes.geometry`).

    Of units of validation examples:
    `NAME/rankme/LAYER` (arXiv 2210.02885), `NAME/effective_rank/LAYER`, `NAME/uniformity/LAYER` (arXiv 2005.10242),
    `NAME/mean_cosine/LAYER` (arXiv 1909.00512) and `NAME/isotropy/LAYER`, that of the partition function (arXiv 1702.01417);
    `NAME/update/LAYER`: mean length of what a layer adds to the one before it, as a share of that one's length, where both
    are equally wide (arXiv 2305.13297);
    `NAME/alignment/LAYER`, where the data have classes: of pairs of rows of one class, of units where these have labels, or
    else of means over the units of examples.

    Curves over depth, first and last, go to `pictures`, TensorBoard and the report; history and protocol into `summary.json`
    and checkpoints. `Collapse` watches the pooled features of batches at less cost.

    Args:
        data, every_n_steps, every_n_epochs, on_error: see `OnlineProbe`; labels are not needed.
        limit: validation examples.
        units: kept of each example, at most. Ranks are at most limit · units, and time grows with the square of it.
        name: of its metrics, its picture and its file.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 500,
        units: int = 4,
        name: str = "geometry",
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        self.view = LabelledLayers(data, limit, units)

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Measure -> layer -> value, and how they were measured."""
        seen = self.view.layers(trainer, pl_module, "validation")
        found: dict[str, dict[str, float]] = defaultdict(dict)
        before: Tensor | None = None
        for layer, rows in seen.rows.items():
            rows = rows.to(pl_module.device)
            for name, measure in OF_ROWS.items():
                found[name][layer] = measure(rows)
            if before is not None and before.shape == rows.shape:
                lengths = before.norm(dim=1).clamp(min=1e-12)
                found["update"][layer] = float(((rows - before).norm(dim=1) / lengths).mean())
            before = rows
        pairs = None if seen.labels is None else of_one_class(seen.labels)
        if pairs is not None and len(pairs):
            for layer, rows in seen.labelled.items():
                found["alignment"][layer] = alignment(*rows[pairs.T].to(pl_module.device))
        return dict(found), {**self.view.describe(trainer), "rows": len(next(iter(seen.rows.values())))}

    def drawn(self, found: dict[str, Any]) -> Drawn:
        layers, rows = [*found["rankme"]], self.first_and_last()
        panels = {what.replace("_", " "): {step: [row[what].get(layer, float("nan")) for layer in layers]
                                           for step, row in rows.items() if what in row} for what in found}  # fmt: skip
        return {"how the layers lie in their space": profiles(panels, layers, shares=False)}


def of_one_class(labels: Tensor) -> Tensor:
    """(P, 2) numbers of rows with the same label: each with the next of its class."""
    order = labels.argsort(stable=True)
    pairs = torch.stack([order[:-1], order[1:]], 1)
    return pairs[labels[pairs[:, 0]] == labels[pairs[:, 1]]]
