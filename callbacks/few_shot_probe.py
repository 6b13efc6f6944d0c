"""Ridge regression on a handful of examples of each class, during pretraining."""

from typing import Any, Literal

from lit_pretrain.callbacks.canvas import Drawn, profiles
from lit_pretrain.callbacks.online_probe import OnlineProbe
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes import few_shot


class FewShotProbe(OnlineProbe):
    """The accuracy by the number of labels (see `OnlineProbe` and `probes.few_shot.FewShotProbe`).

    Curves over the number of shots, first and last, go to `pictures`, TensorBoard and the report.

    Args:
        data, every_n_steps, every_n_epochs, limit, layer, name, on_error: see `OnlineProbe`. Shots are drawn from `limit`
            training examples.
        shots, draws, l2: of each draw.
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
        shots: tuple[int, ...] = (1, 2, 5, 10),
        draws: int = 5,
        l2: float = 0.1,
    ):
        super().__init__(
            few_shot.FewShotProbe(shots, draws, l2), data, every_n_steps, every_n_epochs, limit, layer, name, on_error
        )

    def drawn(self, found: dict[str, Any]) -> Drawn:
        shots = self.probe.shots
        curves = {step: [row[f"accuracy_{k}_shot"] for k in shots] for step, row in self.first_and_last().items()}
        return {"accuracy by training examples of each class": profiles({"accuracy": curves}, [str(k) for k in shots])}
