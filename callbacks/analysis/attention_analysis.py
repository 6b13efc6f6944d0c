"""What each attention head does, while it is being learned.

Legend: K layers, H heads, L units of an example.
"""

import math
from collections import defaultdict
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from torch import Tensor

from lit_pretrain.callbacks.attention import of_layers, uncompiled
from lit_pretrain.callbacks.canvas import Drawn, grids
from lit_pretrain.callbacks.features import given_data, together
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.probes.attention_heads import head_statistics

SHARES = ("to_self", "to_previous", "to_next", "to_first", "to_delimiters")


class AttentionAnalysis(Measurement):
    """Where each head of each layer looks (arXiv 1906.04341).

    In validation examples: at the unit itself, the one before or after, the first one, delimiters (`Batch.delimiters`), and
    how widely and how far (see `probes.attention_heads`).

    `NAME/WHAT/LAYER`: mean over the heads of a layer; `NAME/WHAT/best`: the highest of all heads, for shares of the
    attention. All heads stand in a picture, rows are layers, in `pictures`, TensorBoard and the report; history, with all
    heads, and protocol go into `summary.json` and checkpoints. `AttentionRelations` says which heads follow which relations.

    Args:
        data: of the encoder's modality; None: what the run trains on.
        every_n_steps, every_n_epochs, name, on_error: see `Measurement`.
        limit: validation examples; those of one unit are left out.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 100,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        if limit < 1:
            raise ValueError(f"limit={limit}: give at least one example")
        self.data, self.limit = data, limit

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Statistic -> (K, H) as lists, a mean over examples; and how it was measured."""
        data = given_data(trainer, self.data)
        shares = together(trainer, lambda: self._share(trainer, pl_module, data))
        lengths = [length for _, lengths in shares for length in lengths]
        if not lengths:
            raise ValueError(f"none of {self.limit} examples of {type(data).__name__} has two units to attend to each other")
        sums: dict[str, Tensor] = {}
        for share, _ in shares:
            sums |= {what: sums.get(what, 0) + values for what, values in share.items()}
        found = {what: (values / len(lengths)).tolist() for what, values in sums.items()}
        protocol = {"data": spec(data), "limit": self.limit, "examples": len(lengths), "longest": max(lengths)}
        return found, protocol

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Any]) -> None:
        heads = {what: torch.tensor(values) for what, values in found.items()}  # (K, H)
        values = {f"{self.name}/{what}/best": float(heads[what].max()) for what in SHARES if what in heads}
        for what, layers in heads.items():
            values |= {f"{self.name}/{what}/block{k:02d}": float(row.mean()) for k, row in enumerate(layers)}
        self.publish(trainer, values)

    def drawn(self, found: dict[str, Any]) -> Drawn:
        most = math.log(self._protocol["longest"])
        panels = {what.replace("_", " "): np.array(found[what], np.float32) for what in SHARES if what in found}
        panels[f"entropy, of {most:.1f} nats"] = np.array(found["entropy"], np.float32) / most
        return {"where the heads look": grids(panels, "layer", "head")}

    def _share(
        self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule
    ) -> tuple[dict[str, Tensor], list[int]]:
        """Of the examples that this rank's loader gives: statistic -> sum over them (K, H), on the host; and their units."""
        sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros(()))
        lengths: list[int] = []
        with uncompiled(pl_module), trainer.precision_plugin.forward_context():
            for batch in data.loader("validation", shuffle=False, limit=self.limit):
                batch = batch.to(pl_module.device)
                layout, layers = of_layers(pl_module, batch)
                known = batch.delimiters is not None and len(batch.delimiters) == layout.num_units
                delimiters = batch.delimiters.split(layout.lengths) if known else [None] * layout.num_examples
                for b, length in enumerate(layout.lengths):
                    if length < 2:
                        continue
                    lengths.append(length)
                    found = [head_statistics(layer[b], delimiters[b]) for layer in layers]
                    for what in found[0]:
                        sums[what] = sums[what] + torch.stack([row[what] for row in found]).cpu()
        return dict(sums), lengths
