"""What a downstream task is, for every modality: a head, a loss and metrics over an encoded batch."""

from abc import abstractmethod

from lightning import LightningDataModule
from torch import Tensor
from torchmetrics import MetricCollection

from lit_pretrain.part import Part
from lit_pretrain.types import Batch, Encoded, Term


class Task(Part):
    """Predictions from `Encoded`, their loss against `batch.labels`, and metrics.

    Attributes:
        metrics: updated with (predictions, labels); their names are those of logs and tables.
        main: the metric that selects on validation; larger is better.
    """

    metrics: MetricCollection
    main: str

    def check(self, data: LightningDataModule) -> None:
        """Raise ValueError if labels of these data are none of this task's."""

    @abstractmethod
    def forward(self, encoded: Encoded) -> Tensor:
        """What `loss` and `metrics` compare with the labels."""

    @abstractmethod
    def loss(self, predictions: Tensor, batch: Batch) -> Term:
        """The sum over targets and their count."""
