"""Logistic regression on frozen features, during pretraining."""

from typing import Literal

from lit_pretrain.callbacks.online_probe import OnlineProbe
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes.logistic import LogisticProbe


class LinearProbe(OnlineProbe):
    """The accuracy of a linear classifier on the encoder's features (see `OnlineProbe` and `LogisticProbe`).

    Args:
        data, every_n_steps, every_n_epochs, limit, layer, name, on_error: see `OnlineProbe`.
        l2: strengths of the penalty to choose from, on held-out training examples.
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
        l2: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
    ):
        super().__init__(LogisticProbe(l2), data, every_n_steps, every_n_epochs, limit, layer, name, on_error)
