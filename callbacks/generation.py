"""What a generative model makes: could it be real, does it repeat itself, and was it there before?"""

from collections.abc import Hashable
from typing import Any, Literal

import lightning as L
import torch

from lit_pretrain.callbacks.features import together
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes.generation import generation_scores


class Generation(Measurement):
    """Validity, uniqueness and novelty of generated examples (see `Measurement` and `probes.generation`).

    The objective offers `sample(count, generator) -> Batch` and `describe_samples(batch) -> (valid, keys)`, for each example
    whether it could be real, and what two examples share if they are the same. The training examples that novelty is counted
    against are described once. All measurements draw from the same seed.

    Args:
        samples: how many are made each time.
        known: training examples that novelty is counted against; None: all.
        every_n_steps, every_n_epochs, name, on_error: see `Measurement`.
    """

    def __init__(
        self,
        samples: int = 256,
        known: int | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        if samples < 1 or (known is not None and known < 1):
            raise ValueError(f"samples={samples}, known={known}: give at least one of each")
        self.samples, self.known = samples, known
        self._keys: set[Hashable] | None = None  # of the training examples

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        for method in ("sample", "describe_samples"):
            if not callable(getattr(pl_module, method, None)):
                raise ValueError(f"{type(pl_module).__name__} makes no examples: it has no method {method!r}")
        if self._keys is None:
            self._keys = set().union(*together(trainer, lambda: self._share(trainer, pl_module)))
        generator = torch.Generator(pl_module.device).manual_seed(0)
        with trainer.precision_plugin.forward_context():
            made = pl_module.sample(self.samples, generator)
        found = generation_scores(*pl_module.describe_samples(made), self._keys)
        return found, {"samples": self.samples, "known": len(self._keys)}

    def _share(self, trainer: L.Trainer, pl_module: L.LightningModule) -> set[Hashable]:
        """The keys of the training examples that this rank reads."""
        if not isinstance(trainer.datamodule, DataModule):
            raise ValueError("novelty is counted against training examples, which takes a datamodule of lit_pretrain")
        loader = trainer.datamodule.loader("train", shuffle=False, limit=self.known)
        return {key for batch in loader for key in pl_module.describe_samples(batch.to(pl_module.device))[1]}
