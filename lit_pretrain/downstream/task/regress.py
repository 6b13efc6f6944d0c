"""Numbers of an example. Legend: B examples, T numbers of an example."""

from typing import Literal

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from lit_pretrain.downstream.task.numbers import Numbers
from lit_pretrain.types import Batch, Encoded, Outcomes, Term


class Regress(Numbers):
    """A linear layer gives y, and the prediction is mean + deviation * y, with the statistics of the training labels:

        loss = mean over known labels of ((label - mean) / deviation - y)^2,  or of its absolute value

    So labels of any unit and scale are learned at the same rate, and each weighs the same. The statistics are those of all
    batches so far, so that nothing is read in advance. Metrics are in the labels' own units; of several
    labels, the mean over labels of each one's error (rmse is the mean of roots, as in MoleculeNet, arXiv 1703.00564).

    Args:
        dim: D of the encoder.
        num_labels: T, which are the `label_names` of the data.
        cost: "squared", or "absolute", which outliers move less.
        dropout: of the pooled vector; BERT's 0.1 (arXiv 1810.04805).
    """

    main = "rmse"
    larger_is_better = False
    percent = False

    def __init__(self, dim: int, num_labels: int, cost: Literal["squared", "absolute"] = "squared", dropout: float = 0.1):
        super().__init__(dim, num_labels, dropout)
        if cost not in ("squared", "absolute"):
            raise ValueError(f"cost={cost!r} is neither squared nor absolute")
        self.cost = cost
        self.register_buffer("count", torch.zeros(num_labels))
        self.register_buffer("mean", torch.zeros(num_labels))
        self.register_buffer("variance", torch.ones(num_labels))
        self.metrics = MetricCollection({"rmse": _Error(num_labels, 2), "mae": _Error(num_labels, 1)}, compute_groups=False)

    def forward(self, encoded: Encoded) -> Tensor:
        return super().forward(encoded).float()  # (B, T), standardised

    def loss(self, predictions: Tensor, batch: Batch) -> Term:
        labels, known = self.labels(batch)
        if self.training:
            self.count_in(labels, known)
        errors = (labels - self.mean) / self.deviation - predictions
        costs = errors.square() if self.cost == "squared" else errors.abs()
        return Term(costs.where(known, 0.0).sum(), known.sum())

    @property
    def deviation(self) -> Tensor:
        """(T,) 1 where a label does not vary."""
        return torch.where(self.variance > 1e-12 * self.mean.square(), self.variance, 1.0).sqrt()

    @torch.no_grad()
    def count_in(self, labels: Tensor, known: Tensor) -> None:
        """Merge the statistics of a batch with those of the batches before (Chan et al. 1979)."""
        count = known.sum(0)
        mean = labels.sum(0) / count.clamp(min=1)
        squares = (labels - mean).where(known, 0.0).square().sum(0)
        total = (self.count + count).clamp(min=1)
        apart = mean - self.mean
        merged = self.variance * self.count + squares + apart.square() * self.count * count / total
        self.variance.copy_(torch.where(self.count + count > 0, merged / total, self.variance))
        self.mean.add_(apart * count / total)
        self.count.add_(count)

    def decode(self, predictions: Tensor) -> Tensor:
        """(B, T) in the labels' own units."""
        return self.mean + self.deviation * predictions

    def update(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> None:
        decoded, (labels, known) = self.decode(predictions), self.labels(batch)
        self.metrics.update(decoded, labels, known)
        self.tally.add(Outcomes((decoded - labels).square().where(known, 0.0), known, power=0.5))


class _Error(Metric):
    """The mean over labels of (mean of |error|^power)^(1 / power) where they are known; those never known are left out."""

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    sums: Tensor
    counts: Tensor

    def __init__(self, num_labels: int, power: int):
        super().__init__()
        self.power = power
        self.add_state("sums", torch.zeros(num_labels), dist_reduce_fx="sum")
        self.add_state("counts", torch.zeros(num_labels), dist_reduce_fx="sum")

    def update(self, predictions: Tensor, labels: Tensor, known: Tensor) -> None:
        errors = (predictions - labels).abs().pow(self.power).where(known, 0.0)
        self.sums += errors.sum(0)
        self.counts += known.sum(0)

    def compute(self) -> Tensor:
        found = self.counts > 0
        return (self.sums[found] / self.counts[found]).pow(1 / self.power).mean()
