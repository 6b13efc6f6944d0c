"""Nearest neighbours among frozen features, during pretraining."""

from typing import Literal

from lit_pretrain.callbacks.online_probe import OnlineProbe
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes import knn


class KNNProbe(OnlineProbe):
    """The accuracy of weighted k nearest neighbours (see `OnlineProbe` and `probes.knn.KNNProbe`).

    Args:
        data, every_n_steps, every_n_epochs, limit, layer, name, on_error: see `OnlineProbe`.
        k, temperature: of the votes (arXiv 1805.01978).
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
        k: int = 20,
        temperature: float = 0.07,
        centre: bool = False,
    ):
        super().__init__(
            knn.KNNProbe(k, temperature, centre=centre), data, every_n_steps, every_n_epochs, limit, layer, name, on_error
        )
