"""How far ahead each layer knows what comes, while it is being learned.

Legend: N places, K layers, D width of a layer, O offsets.
"""

from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor

from lit_pretrain.callbacks.analysis.layers import places
from lit_pretrain.callbacks.canvas import Drawn, beside, profiles
from lit_pretrain.callbacks.features import given_data, together
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.probes.future_lens import Futures, bigram_accuracy, lens_accuracy
from lit_pretrain.types import Layout

Seen = tuple[dict[str, Tensor], Futures]  # layer -> (N, D), and what stands there and afterwards


class FutureLens(Measurement):
    """How much of what comes next one hidden state of each layer tells (Future Lens, arXiv 2311.04897).

    How often, in validation examples, a linear map names the symbol (`Batch.symbols`) that stands 1, 2, ... places on:
    `NAME/ahead_1/LAYER`, `NAME/ahead_2/LAYER`, ...: accuracy of the map, fitted on training examples (see
    `probes.future_lens`); `NAME/ahead_1/bigram`, ...: of what most often follows the present symbol, so that far, for
    comparison. An encoder that looks back only must have foreseen what is above; others have read it.

    Curves over depth go to `pictures`, TensorBoard and the report, the bigrams dashed; history and protocol into
    `summary.json` and checkpoints.

    Args:
        data: whose units are symbols; None: what the run trains on.
        every_n_steps, every_n_epochs, name, on_error: see `Measurement`.
        limit: examples of each split.
        units: places of each example, at most, spread evenly over it. limit · units should be many times the width.
        ahead: O, the furthest place on.
        l2: strength of the penalty.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 400,
        units: int = 40,
        ahead: int = 4,
        l2: float = 1e-2,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        if min(limit, units, ahead) < 1 or l2 <= 0:
            raise ValueError(f"limit={limit}, units={units}, ahead={ahead}, l2={l2}: all must be above 0")
        self.data, self.limit, self.units, self.ahead, self.l2 = data, limit, units, ahead, l2

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Offset -> layer, and `bigram` -> accuracy; and how it was measured."""
        data = given_data(trainer, self.data)
        (train, known), (held, wanted) = (self._seen(trainer, pl_module, data, split) for split in ("train", "validation"))
        baseline = bigram_accuracy(known, wanted)
        found = {f"ahead_{n + 1}": {"bigram": accuracy} for n, accuracy in enumerate(baseline)}
        for layer in held:
            states = (train[layer].to(pl_module.device), held[layer].to(pl_module.device))
            for n, accuracy in enumerate(lens_accuracy(*states, known, wanted, self.l2)):
                found[f"ahead_{n + 1}"][layer] = accuracy
        sizes = {"train_places": len(known.now), "validation_places": len(wanted.now)}
        return found, {"data": spec(data), "limit": self.limit, "units": self.units, "l2": self.l2, **sizes}

    def drawn(self, found: dict[str, Any]) -> Drawn:
        panels, layers = beside(found, "bigram", f"step {self.history[-1]['step']:,}")
        return {"how often one state tells what comes, by places ahead": profiles(panels, layers, shares=False)}

    def _seen(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule, split: str) -> Seen:
        """Of all ranks: the states on the host, the symbols on the module's device."""
        shares = [share for share in together(trainer, lambda: self._share(trainer, pl_module, data, split)) if share]
        if not shares:
            raise ValueError(f"no example of split {split!r} is longer than ahead={self.ahead}: look less far ahead")
        columns = {name: torch.cat([share[name] for share in shares]) for name in shares[0]}
        futures = Futures(*(columns.pop(name).to(pl_module.device) for name in ("now", "later")))
        return columns, futures

    def _share(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule, split: str) -> dict[str, Tensor]:
        """Of the examples that this rank's loader gives, on the host: layer -> (N, D), "now" -> (N,), "later" -> (N, O)."""
        parts, seen = [], 0
        for batch in data.loader(split, shuffle=False, limit=self.limit):
            batch = batch.to(pl_module.device)
            symbols = batch.symbols
            if symbols is None:
                raise ValueError(f"the units of {type(data).__name__} are no symbols whose successors could be told")
            with trainer.precision_plugin.forward_context():
                encoded = pl_module.encode(batch, layers=True)
            layout = encoded.layout
            if layout.num_units != len(symbols) or any(len(x) != len(symbols) for x in encoded.layers.values()):
                raise ValueError(f"the units of {type(pl_module.encoder).__name__} are not the symbols of the batch")
            whole = Layout(tuple(max(0, n - self.ahead) for n in layout.lengths))  # where there is enough to come
            numbers = range(seen, seen := seen + batch.num_examples)
            shift = torch.tensor(layout.lengths) - torch.tensor(whole.lengths)
            chosen = places(whole, numbers, self.units)
            chosen = (chosen + (shift.cumsum(0) - shift)[whole.example[chosen]]).to(symbols.device)
            if len(chosen):
                later = symbols[chosen[:, None] + torch.arange(1, self.ahead + 1, device=symbols.device)]
                states = {name: x[chosen].float().cpu() for name, x in encoded.layers.items()}
                parts.append({"now": symbols[chosen].cpu(), "later": later.cpu(), **states})
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if parts else {}
