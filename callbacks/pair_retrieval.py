"""Do the two sides of an example find each other, before anything is trained for it?

Legend: P pairs, D width.
"""

from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor

from lit_pretrain.callbacks.features import given_data, together
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.part import spec
from lit_pretrain.probes.ranking import rank_scores, ranks_of_own


class PairRetrieval(Measurement):
    """Mean reciprocal rank and recall of the right one among the answers of validation examples, by cosine of the encoder's
    vectors as they are (zero-shot; see `Batch.counterparts`): such as the code that a description is of.

    Args:
        data: with `side_names`; None: what the run trains on.
        limit: validation examples; those without both sides are left out. Among more answers it is harder to be found.
        layer: means over units of this layer are compared; None: the encoder's pooling.
        centre: subtract the mean of all that ask from these, and of all answers from those, first.
        recall_at: K of `recall_at_K`.
        every_n_steps, every_n_epochs, name, on_error: see `Measurement`.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        limit: int = 1000,
        layer: str | None = None,
        centre: bool = False,
        recall_at: tuple[int, ...] = (1, 10),
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        if limit < 1 or min(recall_at, default=1) < 1:
            raise ValueError(f"limit={limit}, recall_at={recall_at}: give numbers of at least 1")
        self.data, self.limit, self.layer, self.centre, self.recall_at = data, limit, layer, centre, tuple(recall_at)

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        data = given_data(trainer, self.data)
        shares = together(trainer, lambda: self._share(trainer, pl_module, data))
        vectors = torch.cat(shares, 1).to(pl_module.device)  # (2, P, D)
        if not vectors.shape[1]:
            raise ValueError(f"none of {self.limit} examples of {type(data).__name__} has two sides (see side_names)")
        if self.centre:
            vectors = vectors - vectors.mean(1, keepdim=True)
        found = dict(rank_scores(ranks_of_own(*vectors), self.recall_at))
        protocol = {"data": spec(data), "limit": self.limit, "layer": self.layer or "pooled", "centre": self.centre}
        return found, protocol | {"pairs": vectors.shape[1]}

    def _share(self, trainer: L.Trainer, pl_module: L.LightningModule, data: DataModule) -> Tensor:
        """(2, P, D) of the examples that this rank reads, on the host: what asks, and the answers."""
        parts = [torch.empty(2, 0, pl_module.encoder.dim)]
        for batch in data.loader("validation", shuffle=False, limit=self.limit):
            sides = batch.to(pl_module.device).counterparts
            if sides is not None and sides[0].num_examples:
                with trainer.precision_plugin.forward_context():
                    encoded = [pl_module.encode(side, layers=self.layer is not None) for side in sides]
                parts.append(torch.stack([one.pool(self.layer).cpu() for one in encoded]))
        return torch.cat(parts[1:] or parts, 1)
