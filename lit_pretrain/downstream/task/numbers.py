"""Numbers of an example as labels, some of which may be unknown. Legend: B examples, T numbers of an example, D width."""

import torch
from lightning import LightningDataModule
from torch import Tensor, nn

from lit_pretrain.downstream.task.base import Task
from lit_pretrain.types import Batch, Encoded


class Numbers(Task):
    """Dropout and a linear layer on the pooled vector: (B, D) -> (B, T), against float labels where NaN is unknown.

    The layer starts at zero, so that the first steps do not push noise of a random head into the encoder.

    Args:
        dim: D of the encoder.
        num_labels: T, which are the `label_names` of the data.
        dropout: of the pooled vector; BERT's 0.1 (arXiv 1810.04805).
    """

    def __init__(self, dim: int, num_labels: int, dropout: float = 0.1):
        super().__init__()
        if num_labels < 1:
            raise ValueError(f"num_labels={num_labels}: give the number of labels of an example, at least 1")
        self.num_classes = num_labels
        self.dropout, self.linear = nn.Dropout(dropout), nn.Linear(dim, num_labels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    @classmethod
    def naming(cls) -> str:
        return "label_names"

    def check(self, data: LightningDataModule) -> None:
        if (found := self.names(data)) and len(found) != self.num_classes:
            raise ValueError(f"the data have {len(found)} labels an example ({', '.join(found[:5])}) and the task"
                             f" num_labels={self.num_classes}: set it to {len(found)}")  # fmt: skip

    def forward(self, encoded: Encoded) -> Tensor:
        return self.linear(self.dropout(encoded.pooled))

    def labels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B, T) float32, 0 where they are unknown, and (B, T) bool where they are known.

        Raises:
            ValueError: labels are classes, or another number of them.
        """
        labels = batch.labels
        if not labels.is_floating_point():
            raise ValueError(f"{type(self).__name__} learns from float labels and those of this batch are {labels.dtype}"
                             " classes: use lit_pretrain.downstream.task.classify.Classify")  # fmt: skip
        labels = labels.reshape(len(labels), -1).float()
        if labels.shape[1] != self.num_classes:
            raise ValueError(f"an example has {labels.shape[1]} labels and the task num_labels={self.num_classes}")
        known = ~torch.isnan(labels)
        return labels.where(known, 0.0), known
