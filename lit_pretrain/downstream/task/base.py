"""What a downstream task is, for every modality: a head, a loss and metrics over an encoded batch."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal, Self

from lightning import LightningDataModule
from torchmetrics import MetricCollection

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.task.tally import Tally
from lit_pretrain.part import Part
from lit_pretrain.types import Batch, Encoded, Encoder, Outcomes, Term

Need = Literal["labels", "unit_labels", "target", "pair_labels", "counterparts"]
# The attribute of the data that names them.
NAMES: dict[Need, str] = {
    "labels": "class_names", "unit_labels": "unit_names", "target": "target_names", "pair_labels": "pair_names",
    "counterparts": "side_names",
}  # fmt: skip


class Task(Part):
    """Predictions from `Encoded`, their loss against one field of the batch, and metrics.

    A subclass takes the encoder's width and the number of classes first, and calls them `dim` and `num_classes`.

    Attributes:
        needs: the field of the batch that it learns from.
        metrics: their names are those of logs and tables.
        main: the metric that selects on validation.
        larger_is_better: of every metric; False for errors.
        percent: metrics are shares of 1, which tables show in percent; False: they have units of their own.
        num_classes: different labels that it tells apart.
    """

    needs: ClassVar[Need] = "labels"
    main: ClassVar[str]
    larger_is_better: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    metrics: MetricCollection
    num_classes: int

    def __init__(self) -> None:
        super().__init__()
        self.tally = Tally()  # a task whose main metric is a mean over examples adds to it in `update`

    @classmethod
    def of(cls, encoder: Encoder, data: DataModule, **options: Any) -> Self:
        """The task on this encoder for the labels of these data; `options` are its other arguments.

        Raises:
            ValueError: the data name no such labels.
        """
        if not (names := cls.names(data)):
            raise ValueError(f"{cls.__name__} learns from {cls.needs}, and the {cls.naming()} of the data are empty:"
                             " give data that have them")  # fmt: skip
        return cls(encoder.dim, len(names), **options)

    @classmethod
    def names(cls, data: LightningDataModule) -> tuple[str, ...]:
        """Names of the labels that this task learns, in the order of their numbers."""
        return getattr(data, cls.naming(), ())

    @classmethod
    def naming(cls) -> str:
        """The attribute of the data that names these labels."""
        return NAMES[cls.needs]

    def check(self, data: LightningDataModule) -> None:
        """Raise ValueError if labels of these data are none of this task's."""
        if (found := len(self.names(data))) > self.num_classes:
            raise ValueError(f"the data have {found} classes and the task num_classes={self.num_classes}: raise it")

    def encode(self, encoder: Encoder, batch: Batch) -> Encoded:
        """What the head gets. A task may look at more of the batch than at its examples."""
        return encoder(batch)

    @abstractmethod
    def forward(self, encoded: Encoded) -> Any:
        """What `loss` and `update` compare with the labels."""

    @abstractmethod
    def loss(self, predictions: Any, batch: Batch) -> Term:
        """The sum over targets and their count."""

    def update(self, predictions: Any, encoded: Encoded, batch: Batch) -> None:
        """Let the metrics see a batch."""
        self.metrics.update(predictions, batch.labels)

    def outcomes(self) -> Outcomes | None:
        """Of all examples since the last call, before `metrics` are reset; None: the main metric is no mean over examples,
        so that examples cannot be compared."""
        return self.tally.take()

    def predicted(self, batch: Batch) -> Batch:
        """The batch whose examples predictions are of."""
        return batch

    def decode(self, predictions: Any) -> Any:
        """What `lit-pretrain predict` writes of them: plain tensors and numbers."""
        return predictions
