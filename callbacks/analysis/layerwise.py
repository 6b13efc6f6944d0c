"""What each layer of an encoder holds, while it is being learned."""

import os
from collections import defaultdict
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor

from lit_pretrain.callbacks.analysis.layers import LabelledLayers, Layers
from lit_pretrain.callbacks.canvas import Drawn, profiles
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes.base import Probe
from lit_pretrain.probes.cca import pwcca
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.mutual_information import mutual_information

FIRST, START = "similarity_to_first", "similarity_to_start"
TITLES = {
    FIRST: "similarity to the first layer",
    START: "similarity to its start",
    "information_share": "information about the labels",
    "accuracy": "accuracy of the probe",
}


class LayerwiseAnalysis(Measurement):
    """Looks into every layer of the encoder, from the local features up (arXiv 2107.04734).

    For each layer, in this order, of validation examples:
    `layers/similarity_to_first/LAYER`: projection-weighted canonical correlation of the first layer with it: how much
    of the local features is still there;
    `layers/similarity_to_start/LAYER`: the same of the layer before the first step with the layer now: how much of it
    pretraining kept. Those features lie in the run folder (`layers_start.pt`; units · D · 4 bytes a layer);
    `layers/mutual_information/LAYER` and `layers/information_share/LAYER`: between the labels and k-means clusters of
    the training examples, in nats and as a share of the labels' entropy;
    `layers/accuracy/LAYER`: of a probe fitted on training examples.

    Correlations are those of single units, or of means over units where layers differ in resolution. Labels are those
    of units where the data have them, or else of examples, with means over units as features; data without classes
    have no information and no accuracy. History and protocol go into `summary.json` and checkpoints, and curves over
    depth, first and last, to `pictures`, TensorBoard and the report.

    Args:
        data, every_n_steps, every_n_epochs, on_error: see `OnlineProbe`.
        limit: examples of each split, balanced over the classes.
        units: kept of each example, at most. limit · units should be many times the width of a layer, or else all
            correlations are high.
        variance: of each layer that correlations look at (see `probes.cca`).
        clusters: of k-means, at most (see `probes.mutual_information`); few rows want few clusters.
        probe: fitted to each layer anew.
        name: of its metrics, its picture and its file.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 1000,
        units: int = 5,
        variance: float = 0.99,
        clusters: int = 50,
        probe: Probe = KNNProbe(),
        name: str = "layers",
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        if not 0 < variance <= 1 or clusters < 2:
            raise ValueError(f"variance={variance}, clusters={clusters}: give a share up to 1 and at least two clusters")
        self.view, self.probe = LabelledLayers(data, limit, units), deepcopy(probe)
        self.variance, self.clusters = variance, clusters

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Measure -> layer -> value, and how they were measured."""
        validation = self.view.layers(trainer, pl_module, "validation")
        found = self._similarities(validation.rows, self._at_start(trainer, validation.rows), pl_module.device)
        protocol = {"variance": self.variance, **self.view.describe(trainer), "rows": count(validation.rows)}
        if validation.labels is not None:
            train = self.view.layers(trainer, pl_module, "train")
            found |= self._knowledge(train, validation, pl_module.device)
            sizes = {"train_rows": count(train.labelled), "validation_rows": count(validation.labelled)}
            protocol |= {**self.probe.protocol(), "clusters": self.clusters, **sizes}
        return found, protocol

    def drawn(self, found: dict[str, Any]) -> Drawn:
        rows = self.first_and_last()
        panels = {title: {step: [*row[what].values()] for step, row in rows.items() if what in row}
                  for what, title in TITLES.items() if what in found}  # fmt: skip
        return {"from the first to the last": profiles(panels, [*found[FIRST]])}

    def _similarities(
        self, now: dict[str, Tensor], start: dict[str, Tensor], device: torch.device
    ) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = defaultdict(dict)
        first = next(iter(now.values())).to(device)
        for layer, rows in now.items():
            rows = rows.to(device)
            found[FIRST][layer] = pwcca(first, rows, self.variance)
            if layer in start:
                found[START][layer] = pwcca(start[layer].to(device), rows, self.variance)
        return dict(found)

    def _knowledge(self, train: Layers, validation: Layers, device: torch.device) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for layer, rows in validation.labelled.items():
            told = mutual_information(rows, validation.labels, train.labelled[layer], self.clusters)
            found["mutual_information"][layer], found["information_share"][layer] = told
            self.probe.fit(train.labelled[layer].to(device), train.labels.to(device))
            scores = dict(self.probe.score(rows.to(device), validation.labels.to(device)))
            found["accuracy"][layer] = scores["accuracy"]
        return dict(found)

    def _at_start(self, trainer: L.Trainer, now: dict[str, Tensor]) -> dict[str, Tensor]:
        """The layers before the first step, kept in a file when that step comes; empty: there is no file."""
        path = Path(trainer.default_root_dir) / f"{self.name}_start.pt"
        if trainer.global_step == 0:
            if trainer.is_global_zero:
                path.parent.mkdir(parents=True, exist_ok=True)
                torch.save(now, partial := path.with_suffix(".partial"))
                os.replace(partial, path)
            return now
        start = torch.load(path, weights_only=True) if path.is_file() else {}
        if start and count(start) != count(now):
            raise ValueError(f"{path} has {count(start)} rows of each layer and there are {count(now)} now: keep data, limit"
                             " and units as they were at the start, or remove the file")  # fmt: skip
        return start


def count(layers: dict[str, Tensor]) -> int:
    """Rows of each layer."""
    return len(next(iter(layers.values())))
