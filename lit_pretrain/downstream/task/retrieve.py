"""Finding what belongs to what. Legend: P pairs, D, K widths."""

from typing import Any, Self

import torch
from torch import Tensor, nn

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.task.chunks import in_chunks
from lit_pretrain.downstream.task.ranking import rankings
from lit_pretrain.losses.info_nce import info_nce
from lit_pretrain.probes.ranking import ranks_of_own
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
        chunk: encode so many examples of a side at a time, and keep of each chunk the vectors alone (the gradient cache of
            arXiv 2101.06983): what is in between is computed again for the gradients, which are those of the whole batch.
            So a batch, and with it the number of negatives, may be larger than memory. 0: all at once.
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
        chunk: int = 0,
    ):
        super().__init__()
        if min(projection, chunk) < 0 or temperature <= 0 or min(recall_at, default=1) < 1:
            raise ValueError(f"projection={projection} and chunk={chunk} must be at least 0, temperature={temperature} above"
                             f" 0, and recall_at={recall_at} at least 1")  # fmt: skip
        self.temperature, self.chunk = temperature, chunk
        self.linear = nn.Linear(dim, projection) if projection else None
        self.metrics = rankings(ranks_of_centred if centre else ranks_of_own, recall_at)

    @classmethod
    def of(cls, encoder: Encoder, data: DataModule, **options: Any) -> Self:
        if not cls.names(data):
            raise ValueError(f"{cls.__name__} learns from examples with two sides, and the side_names of the data are empty:"
                             " give data that have them, such as code with its documentation")  # fmt: skip
        return cls(encoder.dim, **options)

    def encode(self, encoder: Encoder, batch: Batch) -> Encoded:
        """Pooled vectors (2 P, D): of all that ask, then of all that answer."""
        queries, answers = batch.counterparts
        if queries.num_examples:
            pooled = torch.cat([in_chunks(encoder, side, self.chunk).pooled for side in (queries, answers)])
        else:  # nothing of what the encoder makes of the batch, but with its gradients, which are 0
            pooled = encoder(batch).pooled[:0]
        return Encoded(pooled, pooled, Layout((1,) * len(pooled), pooled.device))

    def forward(self, encoded: Encoded) -> Tensor:
        """(2 P, D or K)"""
        return encoded.pooled if self.linear is None else self.linear(encoded.pooled)

    def loss(self, predictions: Tensor, batch: Batch) -> Term:
        queries, answers = predictions.chunk(2) if len(predictions) else (predictions, predictions)
        return Term(info_nce(queries, answers, self.temperature) * len(queries), len(queries))

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


def ranks_of_centred(queries: Tensor, answers: Tensor) -> Tensor:
    """`ranks_of_own` of what is left without the mean of each side."""
    return ranks_of_own(queries - queries.mean(0), answers - answers.mean(0))
