"""One class an example.

Legend: B examples, D width, C classes.
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from lit_pretrain.downstream.task.base import Task
from lit_pretrain.types import Batch, Encoded, Outcomes, Term


class Classify(Task):
    """Dropout and a linear layer on the pooled vector: loss = -mean over examples of log p(label).

    The layer starts at zero, so that the first steps do not push noise of a random head into the encoder.

    Args:
        dim: D of the encoder.
        num_classes: C.
        dropout: of the pooled vector; BERT's 0.1 (arXiv 1810.04805).
    """

    main = "accuracy"

    def __init__(self, dim: int, num_classes: int, dropout: float = 0.1):
        super().__init__()
        if num_classes < 2:
            raise ValueError(f"num_classes={num_classes}: a classification needs at least 2; are the data labelled?")
        self.num_classes = num_classes
        self.dropout, self.linear = nn.Dropout(dropout), nn.Linear(dim, num_classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.metrics = MetricCollection({
            "accuracy": MulticlassAccuracy(num_classes, average="micro"),
            "macro_f1": MulticlassF1Score(num_classes, average="macro"),
        })  # fmt: skip

    def forward(self, encoded: Encoded) -> Tensor:
        return self.linear(self.dropout(encoded.pooled))  # (B, D) -> (B, C)

    def loss(self, predictions: Tensor, batch: Batch) -> Term:
        # Softmax in fp32.
        return Term(F.cross_entropy(predictions.float(), batch.labels, reduction="sum"), len(batch.labels))

    def update(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> None:
        super().update(predictions, encoded, batch)
        self.tally.add(Outcomes.of_classes(predictions.argmax(1), batch.labels))
