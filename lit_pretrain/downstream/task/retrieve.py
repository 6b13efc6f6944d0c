"""Finding what belongs to what. Legend: P pairs, D, K widths."""

from typing import Any, Self

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.utilities import dim_zero_cat

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.task.gathered import Gathered
from lit_pretrain.losses.info_nce import info_nce
from lit_pretrain.probes.ranking import rank_scores, ranks_of_own
from lit_pretrain.types import Batch, Encoded, Encoder, Layout, Outcomes, Term


class Retrieve(Task):
    """Two sides of an example, encoded one by one (a bi-encoder): each that asks must find its answer by cosine among the
    answers of the whole batch, over all ranks (InfoNCE, arXiv 1807.03748; for code search as in arXiv 2203.03850):

        loss = -mean over i of log( exp(cos(q_i, a_i) / t) / sum over k of exp(cos(q_i, a_k) / t) )

    The sides are `batch.counterparts`, such as a function's description and its code. Metrics rank the answers of the whole
    split: the mean reciprocal rank `mrr`, and `recall_at_K`, the share of answers among the first K. Of equally similar
    answers the right one counts as the last. The tuning `ZeroShot` measures the encoder as it is.

    Args:
        dim: D of the encoder.
        projection: K of a linear layer on both sides; 0: none, so that only the encoder trains.
        temperature: t; 0.05 as in the published code of arXiv 2203.03850.
        recall_at: values of K of the metrics.
        centre: metrics subtract the mean of all that ask from these, and of all answers from those, first: what all vectors
            of a side share drowns the rest in encoders as they are (arXiv 1909.00512).
    """

    needs = "counterparts"
    main = "mrr"
    num_classes = 2

    def __init__(
        self,
        dim: int,
        projection: int = 0,
        temperature: float = 0.05,
        recall_at: tuple[int, ...] = (1, 5, 10),
        centre: bool = False,
    ):
        super().__init__()
        if projection < 0 or temperature <= 0 or min(recall_at, default=1) < 1:
            raise ValueError(f"projection={projection} must be at least 0, temperature={temperature} above 0, and"
                             f" recall_at={recall_at} at least 1")  # fmt: skip
        self.temperature = temperature
        self.linear = nn.Linear(dim, projection) if projection else None
        self.metrics = MetricCollection({
            "mrr": _Ranking(None, centre), **{f"recall_at_{k}": _Ranking(k, centre) for k in recall_at},
        })  # fmt: skip

    @classmethod
    def of(cls, encoder: Encoder, data: DataModule, **options: Any) -> Self:
        if not cls.names(data):
            raise ValueError("Retrieve learns from examples with two sides, and the side_names of the data are empty: give"
                             " data that have them, such as code with its documentation")  # fmt: skip
        return cls(encoder.dim, **options)

    def encode(self, encoder: Encoder, batch: Batch) -> Encoded:
        """Pooled vectors (2 P, D): of all that ask, then of all that answer."""
        queries, answers = batch.counterparts
        if queries.num_examples:
            pooled = torch.cat([encoder(side).pooled for side in (queries, answers)])
        else:  # nothing of what the encoder makes of the batch, but with its gradients, which are 0
            pooled = encoder(batch).pooled[:0]
        return Encoded(pooled, pooled, Layout((1,) * len(pooled), pooled.device))

    def forward(self, encoded: Encoded) -> Tensor:
        """(2 P, D or K)"""
        return encoded.pooled if self.linear is None else self.linear(encoded.pooled)

    def loss(self, predictions: Tensor, batch: Batch) -> Term:
        queries, answers = predictions.chunk(2) if len(predictions) else (predictions, predictions)
        found = info_nce(queries, answers, self.temperature)  # also without a pair, since other ranks wait
        return Term(found * len(queries) if len(queries) else predictions.sum(), len(queries))

    def update(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> None:
        if len(predictions):
            self.metrics.update(*predictions.detach().float().chunk(2))

    def outcomes(self) -> Outcomes:
        """The reciprocal rank of each that asks."""
        found = self.metrics["mrr"].ranks().double().reciprocal()[:, None]
        return Outcomes(found, torch.ones_like(found)).cpu()

    def predicted(self, batch: Batch) -> Batch:
        return batch.counterparts[0]

    def decode(self, predictions: Tensor) -> tuple[Tensor, ...]:
        """The vectors (P, D or K) of what asks and of what answers."""
        return predictions.chunk(2)


class _Ranking(Gathered):
    """See `Retrieve`; K = None: the mean reciprocal rank."""

    def __init__(self, k: int | None, centre: bool):
        super().__init__()
        self.k, self.centre = k, centre

    def compute(self) -> Tensor:
        if not len(self.first):
            raise ValueError("no example of the split has both sides, so that nothing can be found")
        return super().compute()

    def ranks(self) -> Tensor:
        """See `ranks_of_own`."""
        return self._ranks(dim_zero_cat(self.first), dim_zero_cat(self.second))

    def measured(self, queries: Tensor, answers: Tensor) -> Tensor:
        scores = dict(rank_scores(self._ranks(queries, answers), () if self.k is None else (self.k,)))
        return torch.tensor(scores["mrr" if self.k is None else f"recall_at_{self.k}"], device=queries.device)

    def _ranks(self, queries: Tensor, answers: Tensor) -> Tensor:
        return ranks_of_own(*(side - side.mean(0) if self.centre else side for side in (queries, answers)))
