"""Whether two units belong together. Legend: U units, P pairs, D width, H hidden width."""

from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryAUROC, BinaryAveragePrecision

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.task.gathered import Gathered
from lit_pretrain.types import Batch, Encoded, Encoder, Layout, Term


class Link(Task):
    """The score of a pair of units u and v is their dot product (the decoder of arXiv 1611.07308), or a small network on
    their elementwise product (as in OGB, arXiv 2005.00687):

        loss = -mean over pairs of log p(label),  p(together) = sigmoid(score)

    The pairs are `batch.pairs`, and who belongs together say `batch.pair_labels`. The score does not depend on the order of
    a pair.

    Args:
        dim: D of the encoder.
        hidden: H of the network; 0: the dot product, which has no weights of its own, so that the encoder must train.
        hits: K of `hits_at_K`, the share of pairs that belong together and score higher than all but K - 1 of those that do
            not; 1 where there are fewer than K of these.
        dropout: of the elementwise product.
    """

    needs = "pair_labels"
    main = "roc_auc"
    num_classes = 2

    def __init__(self, dim: int, hidden: int = 0, hits: int = 50, dropout: float = 0.0):
        super().__init__()
        if hidden < 0 or hits < 1:
            raise ValueError(f"hidden={hidden} must be at least 0 and hits={hits} at least 1")
        self.dropout = nn.Dropout(dropout)
        self.network = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, 1)) if hidden else None
        self.metrics = MetricCollection({
            "roc_auc": BinaryAUROC(), "average_precision": BinaryAveragePrecision(), f"hits_at_{hits}": _Hits(hits),
        }, compute_groups=False)  # fmt: skip

    @classmethod
    def of(cls, encoder: Encoder, data: DataModule, **options: Any) -> Self:
        if not cls.names(data):
            raise ValueError("Link learns from pairs of units, and the pair_names of the data are empty: give data that have"
                             " them, such as lit_pretrain.datamodules.graph.source.held_out_edges.HeldOutEdges")  # fmt: skip
        return cls(encoder.dim, **options)

    def encode(self, encoder: Encoder, batch: Batch) -> Encoded:
        """The elementwise product of each pair, as units."""
        encoded = encoder(batch)
        first, second = (encoded.units[numbers] for numbers in batch.pairs.T)
        return Encoded(encoded.pooled, first * second, Layout((len(batch.pairs),), first.device))

    def forward(self, encoded: Encoded) -> Tensor:
        """(P,) scores."""
        products = self.dropout(encoded.units)  # (P, D)
        return products.float().sum(1) if self.network is None else self.network(products)[:, 0]

    def loss(self, predictions: Tensor, batch: Batch) -> Term:
        # Sigmoid in fp32.
        costs = F.binary_cross_entropy_with_logits(predictions.float(), batch.pair_labels.float(), reduction="sum")
        return Term(costs, len(batch.pair_labels))

    def update(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> None:
        self.metrics.update(predictions.detach().float(), batch.pair_labels)


class _Hits(Gathered):
    """See `Link`."""

    def __init__(self, count: int):
        super().__init__()
        self.count = count

    def measured(self, scores: Tensor, labels: Tensor) -> Tensor:
        apart = scores[labels == 0]
        if len(apart) < self.count:
            return torch.ones((), device=scores.device)
        return (scores[labels == 1] > apart.topk(self.count).values[-1]).float().mean()
