"""How well a model that writes on completes examples that were cut, while it learns."""

from typing import Any, Literal

import lightning as L

from lit_pretrain.callbacks.attention import uncompiled
from lit_pretrain.callbacks.features import given_data, together
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.probes.completion import completion_scores

SHOWN = 5  # endings that are kept for people


class Completion(Measurement):
    """Exact match and edit similarity of the likeliest endings of validation examples (see `Measurement`).

    The data cut examples and read endings (`DataModule.unfinished`, `endings`), and the objective has a method
    `complete(batch, length) -> list of ids`, which takes the likeliest each time. The first endings stand in `summary.json`.

    Args:
        data: of the encoder's modality; None: what the run trains on.
        limit: validation examples that are asked for; those that cannot be cut are left out.
        length: units that are written, at most.
        every_n_steps, every_n_epochs, name, on_error: see `Measurement`.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        limit: int = 200,
        length: int = 32,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        if limit < 1 or length < 1:
            raise ValueError(f"limit={limit}, length={length}: give at least one of each")
        self.data, self.limit, self.length = data, limit, length

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        if not callable(getattr(pl_module, "complete", None)):
            raise ValueError(f"{type(pl_module).__name__} completes nothing: it has no method 'complete'")
        data = given_data(trainer, self.data)
        shares = together(trainer, lambda: self._share(trainer, pl_module, data))
        wanted, written = ([ending for share in shares for ending in share[side]] for side in range(2))
        if not wanted:
            raise ValueError(
                f"{type(data).__name__} can cut none of {self.limit} examples, so that nothing can be completed"
            )
        found: dict[str, Any] = completion_scores(written, wanted)
        found["endings"] = [{"wanted": a, "written": b} for a, b in zip(wanted[:SHOWN], written[:SHOWN], strict=True)]
        return found, {"data": spec(data), "limit": self.limit, "length": self.length, "examples": len(wanted)}

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Any]) -> None:
        self.publish(trainer, {f"{self.name}/{k}": v for k, v in found.items() if k != "endings"})

    def _share(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule) -> tuple[list[str], list[str]]:
        """Endings of the examples that this rank reads: the real ones and those that were written."""
        wanted: list[str] = []
        written: list[str] = []
        with uncompiled(pl_module), trainer.precision_plugin.forward_context():
            for batch in data.loader("validation", shuffle=False, limit=self.limit):
                found = data.unfinished(batch)
                if found is not None and found[0].num_examples:
                    wanted += found[1]
                    written += data.endings(pl_module.complete(found[0].to(pl_module.device), self.length))
        return wanted, written
