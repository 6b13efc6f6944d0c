"""Clusters of frozen features and the labels, during pretraining."""

from copy import deepcopy
from typing import Any, Literal

import lightning as L

from lit_pretrain.callbacks.canvas import Drawn, grids
from lit_pretrain.callbacks.online_probe import OnlineProbe
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes import cluster


class ClusterProbe(OnlineProbe):
    """How well clusters find the classes (see `OnlineProbe` and `probes.cluster.ClusterProbe`).

    The share of each class in each cluster is drawn into `pictures`, TensorBoard and the report; clusters stand in the
    order of the class that they have most of.

    Args:
        data, every_n_steps, every_n_epochs, limit, layer, name, on_error: see `OnlineProbe`.
        probe: k-means, or `RateReductionProbe`, which takes longer.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 1000,
        layer: str | None = None,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
        probe: cluster.ClusterProbe = cluster.ClusterProbe(),
    ):
        super().__init__(deepcopy(probe), data, every_n_steps, every_n_epochs, limit, layer, name, on_error)

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Any]) -> None:
        super().tell(trainer, pl_module, found)
        features, labels = self.view.features(trainer, pl_module, "validation")  # encoded already: `take` asked for them
        self._table = self.probe.table(features, labels).double()

    def drawn(self, found: dict[str, Any]) -> Drawn:
        shares = self._table / self._table.sum(1, keepdim=True).clamp(min=1)
        ordered = shares[:, shares.argmax(0).argsort(stable=True)].numpy()
        return {"the share of each class in each cluster": grids({"": ordered}, "class", "cluster")}
