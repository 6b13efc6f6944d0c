"""Examples of one label that find each other among frozen features, during pretraining."""

from typing import Literal

from lit_pretrain.callbacks.online_probe import OnlineProbe
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes import retrieval


class RetrievalProbe(OnlineProbe):
    """MAP@R, R-precision and mean reciprocal rank (see `OnlineProbe` and `probes.retrieval.RetrievalProbe`).

    Args:
        data, every_n_steps, every_n_epochs, limit, layer, name, on_error: see `OnlineProbe`. All of these examples are
            compared with each other, so scores of another `limit` are other scores.
        centre: subtract the mean of the training features first.
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
        centre: bool = False,
    ):
        super().__init__(retrieval.RetrievalProbe(centre), data, every_n_steps, every_n_epochs, limit, layer, name, on_error)
