"""Several yes-or-no questions about an example. Legend: B examples, T questions."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.functional.classification import binary_auroc, binary_average_precision

from lit_pretrain.downstream.task.gathered import Gathered
from lit_pretrain.downstream.task.numbers import Numbers
from lit_pretrain.types import Batch, Encoded, Term


class MultiLabel(Numbers):
    """A linear layer on the pooled vector: loss = -mean over known labels of log p(label), each label by itself.

    Labels are 0 and 1, NaN where the answer is unknown. Metrics are means over the questions that have both answers in the
    split; the others have no ranking to measure (as in MoleculeNet, arXiv 1703.00564).

    Args:
        dim: D of the encoder.
        num_labels: T, which are the `label_names` of the data.
        dropout: of the pooled vector; BERT's 0.1 (arXiv 1810.04805).
    """

    main = "roc_auc"

    def __init__(self, dim: int, num_labels: int, dropout: float = 0.1):
        super().__init__(dim, num_labels, dropout)
        self.metrics = MetricCollection({
            "roc_auc": _Macro(binary_auroc), "average_precision": _Macro(binary_average_precision),
        })  # fmt: skip
        self._checked = False  # once is enough, since it waits for the device

    def loss(self, predictions: Tensor, batch: Batch) -> Term:
        labels, known = self.labels(batch)
        # Sigmoid in fp32.
        costs = F.binary_cross_entropy_with_logits(predictions.float(), labels, reduction="none")
        return Term(costs.where(known, 0.0).sum(), known.sum())

    def labels(self, batch: Batch) -> tuple[Tensor, Tensor]:
        labels, known = super().labels(batch)
        if not self._checked and bool(((labels != 0) & (labels != 1)).any()):
            raise ValueError(f"labels lie between {float(labels.min()):g} and {float(labels.max()):g} and should be 0, 1 or"
                             " NaN; numbers are learned by lit_pretrain.downstream.task.regress.Regress")  # fmt: skip
        self._checked = True
        return labels, known

    def update(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> None:
        labels, known = self.labels(batch)
        self.metrics.update(predictions.detach().float(), labels.long().where(known, -1))


class _Macro(Gathered):
    """The mean of a measure of rankings over the columns that have both answers; NaN if none has."""

    def __init__(self, measure: Callable[..., Tensor]):
        super().__init__()
        self.measure = measure

    def measured(self, scores: Tensor, answers: Tensor) -> Tensor:
        both = (answers == 0).any(0) & (answers == 1).any(0)
        found = [self.measure(scores[:, t], answers[:, t], ignore_index=-1) for t in both.nonzero()[:, 0].tolist()]
        return torch.stack(found).mean() if found else scores.new_tensor(torch.nan)
