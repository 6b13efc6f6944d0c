"""A class for every unit.

Legend: U units, D width, C classes.
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from lit_pretrain.downstream.task.base import Task
from lit_pretrain.types import Batch, Encoded, Outcomes, Term, UnitBatch

IGNORED = -1  # the label of units that have none


class TagUnits(Task):
    """Dropout and a linear layer on each unit: loss = -mean over labelled units of log p(label).

    A unit's label is the one of `batch.unit_labels` that stands where the unit stands (`Ragged.at`). Units with the label
    -1 count neither in the loss nor in the metrics.

    Args:
        dim: D of the encoder.
        num_classes: C.
        dropout: of the units; BERT's 0.1 (arXiv 1810.04805).
    """

    needs = "unit_labels"
    main = "accuracy"

    def __init__(self, dim: int, num_classes: int, dropout: float = 0.1):
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"num_classes={num_classes}: tagging needs at least 2")
        self.num_classes = num_classes
        self.dropout, self.linear = nn.Dropout(dropout), nn.Linear(dim, num_classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.metrics = MetricCollection({
            "accuracy": MulticlassAccuracy(num_classes, average="micro", ignore_index=IGNORED),
            "macro_f1": MulticlassF1Score(num_classes, average="macro", ignore_index=IGNORED),
        })  # fmt: skip

    def forward(self, encoded: Encoded) -> UnitBatch:
        return UnitBatch(self.linear(self.dropout(encoded.units)), encoded.layout)  # (U, D) -> (U, C)

    def labels(self, predictions: UnitBatch, batch: Batch) -> Tensor:
        """(U,) of the units that predictions are of."""
        return batch.unit_labels.at(predictions.layout)

    def loss(self, predictions: UnitBatch, batch: Batch) -> Term:
        labels = self.labels(predictions, batch)
        # Softmax in fp32.
        costs = F.cross_entropy(predictions.units.float(), labels, ignore_index=IGNORED, reduction="sum")
        return Term(costs, (labels != IGNORED).sum())

    def update(self, predictions: UnitBatch, encoded: Encoded, batch: Batch) -> None:
        labels, layout = self.labels(predictions, batch), predictions.layout
        self.metrics.update(predictions.units, labels)
        right = predictions.units.argmax(1) == labels
        self.tally.add(Outcomes(layout.counts(right)[:, None], layout.counts(labels != IGNORED)[:, None]))

    def decode(self, predictions: UnitBatch) -> list[Tensor]:
        """The scores (units, C) of each example."""
        return list(predictions.units.split(predictions.layout.lengths))
