"""Which layers are alike, in one encoder and between two.

Legend: M units, K and J layers of the two encoders.
"""

from itertools import pairwise
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lit_pretrain.callbacks.analysis.layers import LabelledLayers
from lit_pretrain.callbacks.canvas import Drawn, grids
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.io.checkpoint import artifacts, load
from lit_pretrain.probes.cca import pwcca
from lit_pretrain.probes.cka import alignment, centred_gram

Grid = dict[str, dict[str, float]]  # layer -> layer -> similarity


class Similarity(Measurement):
    """Similarity of each layer with each, in one encoder and between two checkpoints.

    Of units of validation examples:
    `NAME/step/LAYER`: of each layer with the one before it; `NAME/other/LAYER`: with the layer of that name in the other
    checkpoint. All pairs stand in heat maps, rows are this encoder's layers, in `pictures`, TensorBoard and the report;
    history and protocol go into `summary.json` and checkpoints.

    Args:
        other: a checkpoint or run folder of lit_pretrain, that reads the same data in the same form; None: none.
        index: of similarity: "cka", linear and unbiased, which sees how long directions are, or "pwcca", which does not (see
            `probes.cka` and `probes.cca`).
        data, every_n_steps, every_n_epochs, on_error: see `OnlineProbe`; labels are not needed.
        limit: validation examples.
        units: kept of each example, at most. Time and memory grow with the square of limit · units.
        name: of its metrics, its picture and its file.
    """

    def __init__(
        self,
        other: str | None = None,
        index: Literal["cka", "pwcca"] = "cka",
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 400,
        units: int = 4,
        name: str = "similarity",
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        self.other, self.index, self.view = other, index, LabelledLayers(data, limit, units)
        self._others: dict[str, Tensor] | None = None  # its rows, which stay the same

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """The grids of similarities, with `itself` and with the `other`; and how they were measured."""
        own = self.view.layers(trainer, pl_module, "validation").rows
        found = {"itself": self._grid(own, own, pl_module.device)}
        if self.other is not None:
            if self._others is None:
                self._others = self._read(trainer, pl_module, self.other)
            found["other"] = self._grid(own, self._others, pl_module.device)
        rows = len(next(iter(own.values())))
        return found, {"index": self.index, "other": self.other, **self.view.describe(trainer), "rows": rows}

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Grid]) -> None:
        layers = [*found["itself"]]
        values = {f"{self.name}/step/{b}": found["itself"][a][b] for a, b in pairwise(layers)}
        same = {layer: row[layer] for layer, row in found.get("other", {}).items() if layer in row}
        self.publish(trainer, values | {f"{self.name}/other/{layer}": value for layer, value in same.items()})

    def drawn(self, found: dict[str, Grid]) -> Drawn:
        panels = {f"with {which}": shown(grid) for which, grid in found.items()}
        return {f"layers by {self.index}": grids(panels, "layer", "layer")}

    def _grid(self, own: dict[str, Tensor], others: dict[str, Tensor], device: torch.device) -> Grid:
        if (n := len(next(iter(own.values())))) != (m := len(next(iter(others.values())))):
            raise ValueError(f"{self.other} makes {m} rows of the examples of which there are {n} here: their units differ")
        prepare = centred_gram if self.index == "cka" else lambda rows: rows
        compare = alignment if self.index == "cka" else pwcca
        one, two = ({name: prepare(rows.to(device)) for name, rows in layers.items()} for layers in (own, others))
        return {a: {b: compare(x, y) for b, y in two.items()} for a, x in one.items()}

    def _read(self, trainer: L.Trainer, pl_module: L.LightningModule, path: str) -> dict[str, Tensor]:
        data = self.view.data or trainer.datamodule
        if artifacts(path) != data.artifacts():
            raise ValueError(f"{path} reads data in another form (another tokenizer), so that its units are not those here")
        return self.view.layers(trainer, load(path).to(pl_module.device), "validation").rows


def shown(grid: Grid) -> NDArray[np.floating]:
    """(K, J), from 0 on."""
    return np.array([[*row.values()] for row in grid.values()]).clip(min=0)
