"""What tasks that produce a sequence of labels share. Legend: B examples, N labels of all of them, V classes."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torchmetrics import MeanMetric, MetricCollection

from lit_pretrain.downstream.decoding.metric import ErrorRate
from lit_pretrain.downstream.decoding.transducer import Labels
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.losses.lattice import beside
from lit_pretrain.types import Batch, Encoded, Outcomes, Ragged, Term


class SequenceTask(Task):
    """Labels 0 to V - 1 of `batch.target` from the units of an example; the symbol V is blank, which emits nothing.

    The loss is in nats a label. An example whose labels no path spells, because it has too few units, is left out of the
    loss, so that it gives no gradient; the metric `left_out` is the share of such examples. They count in `error_rate`
    as all others do. An example without labels is learned from: all of it is blank.

    Args:
        num_classes: V.
    """

    needs = "target"
    main = "error_rate"
    larger_is_better = False

    def __init__(self, num_classes: int):
        super().__init__()
        if num_classes < 1:
            raise ValueError(f"num_classes={num_classes}: a sequence needs at least 1 label")
        self.num_classes = self.blank = num_classes
        # Each is updated with other values, so none may take the place of another.
        self.metrics = MetricCollection({"error_rate": ErrorRate(), "left_out": MeanMetric()}, compute_groups=False)

    @abstractmethod
    def decode(self, predictions: Any) -> list[Labels]:
        """The labels of each example."""

    def update(self, predictions: Any, encoded: Encoded, batch: Batch) -> None:
        self._count(self.decode(predictions), batch.target)

    def _count(self, hypotheses: list[Labels], target: Ragged) -> None:
        self.metrics["error_rate"].update(hypotheses, [labels.tolist() for labels in target.split()])

    def outcomes(self) -> Outcomes:
        return self.metrics["error_rate"].outcomes()

    def _term(self, costs: Tensor, spelled: Tensor, target: Ragged) -> Term:
        """
        Args:
            costs: (B,) in nats.
            spelled: (B,) bool, where a path spells the labels.
        """
        if not self.training:
            self.metrics["left_out"].update((~spelled).float())
        lengths = beside(target.lengths, costs)
        return Term(torch.where(spelled, costs, 0.0).sum(), (lengths * spelled).sum())
