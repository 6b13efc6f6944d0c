"""What pretraining on these data may be good for, told before it is done."""

from collections.abc import Mapping
from typing import Any, Literal

import lightning as L
import numpy as np
import torch

from lit_pretrain.callbacks.analysis.links import Links
from lit_pretrain.callbacks.canvas import Drawn, heat, sheet
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes.feasibility import Nearest, bases, feasibility
from lit_pretrain.probes.graphon import Graphon, estimate


class Feasibility(Measurement):
    """When to pretrain graph networks (W2PGNN, arXiv 2303.16458): could downstream graphs come from what generates those of
    pretraining? Nothing is trained for it, and neither features nor labels are read.

    `feasibility/NAME/feasibility` and `feasibility/NAME/distance` of each downstream set, from 0 to 1: of the mixture of
    graphons of the pretraining graphs that is nearest to it, over three bases (see `probes.feasibility`). Both graphons are
    drawn, into `pictures`, TensorBoard and the report. It is measured before the first step; what is found stays the same.

    Args:
        downstream: data of tasks, by name; their training splits are read.
        domains: the pretraining data, by domain; None: those of the run, as one.
        limit: graphs of each (where nodes are the examples, ego nets of nodes).
        hops: of ego nets; 2 in the paper.
        max_nodes: larger ego nets are left out, as in the paper.
        resolution: steps of a graphon; more of them want more or larger graphs.
        clusters: of the topological basis; 5 in the paper's code.
        name, on_error: see `Measurement`.
    """

    def __init__(
        self,
        downstream: dict[str, DataModule],
        domains: dict[str, DataModule] | None = None,
        limit: int = 200,
        hops: int = 2,
        max_nodes: int = 1000,
        resolution: int = 16,
        clusters: int = 5,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(name=name, on_error=on_error)
        if not downstream or resolution < 1 or clusters < 1:
            raise ValueError(f"downstream={list(downstream)}, resolution={resolution}, clusters={clusters}: give at least"
                             " one of each")  # fmt: skip
        self.resolution, self.clusters = resolution, clusters
        sources: Mapping[str, DataModule | None] = domains or {"pretraining": None}
        self.sources, self.targets = (
            {task: Links(data, limit, hops, max_nodes) for task, data in named.items()} for named in (sources, downstream)
        )
        self._found: dict[str, tuple[str, Nearest, Graphon]] = {}

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        if not self._found:
            read = {name: links.adjacencies(trainer, "train") for name, links in self.sources.items()}
            spaces = bases(read, self.resolution, self.clusters)
            for task, links in self.targets.items():
                target = links.adjacencies(trainer, "train")
                near = feasibility(spaces, target)
                best = min(near, key=lambda basis: near[basis].distance)
                self._found[task] = best, near[best], estimate(target, self.resolution)
        found = {
            task: {"feasibility": near.feasibility, "distance": near.distance, "basis": basis, "weights": near.weights}
            for task, (basis, near, _) in self._found.items()
        }
        read, wanted = (
            {name: links.describe(trainer) for name, links in named.items()} for named in (self.sources, self.targets)
        )
        return found, {"resolution": self.resolution, "clusters": self.clusters, "domains": read, "downstream": wanted}

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Any]) -> None:
        self.publish(trainer, {f"{self.name}/{task}/{what}": values[what] for task, values in found.items()
                               for what in ("feasibility", "distance")})  # fmt: skip

    def drawn(self, found: dict[str, Any]) -> Drawn:
        """A row of each downstream set, each as a share of its highest chance."""
        rows = torch.from_numpy(np.stack([np.stack([wanted, near.mixture]) for _, near, wanted in self._found.values()]))
        rows = rows / rows.amax((1, 2, 3), keepdim=True)
        title = f"chances of links by rank of degree in {', '.join(self._found)}, and in the nearest mixture"
        return {title: sheet(heat(torch.zeros_like(rows)[:, :, None], rows))}
