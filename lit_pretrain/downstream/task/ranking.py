"""Metrics of how far up the right answers of a whole split stand. Legend: P pairs, of which the i-th belong together."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.utilities import dim_zero_cat

from lit_pretrain.downstream.task.gathered import Gathered
from lit_pretrain.probes.ranking import rank_scores

# (P, ...) of what asks, (P, ...) of what answers -> (P,) the place, from 1, of answer i among all for query i.
Rank = Callable[[Tensor, Tensor], Tensor]


def rankings(rank: Rank, recall_at: Sequence[int]) -> MetricCollection:
    """The mean reciprocal rank `mrr`, and `recall_at_K`, the share of answers among the first K."""
    return MetricCollection({"mrr": Ranking(rank), **{f"recall_at_{k}": Ranking(rank, k) for k in recall_at}})


class Ranking(Gathered):
    """One of `rankings`; k = None: the mean reciprocal rank."""

    def __init__(self, rank: Rank, k: int | None = None):
        super().__init__()
        self.rank, self.k = rank, k

    def compute(self) -> Tensor:
        if not len(self.first):
            raise ValueError("no example of the split has both sides, so that nothing can be found")
        return super().compute()

    def ranks(self) -> Tensor:
        """(P,) of all pairs."""
        return self.rank(dim_zero_cat(self.first), dim_zero_cat(self.second))

    def measured(self, queries: Tensor, answers: Tensor) -> Tensor:
        scores = dict(rank_scores(self.rank(queries, answers), () if self.k is None else (self.k,)))
        return torch.tensor(scores["mrr" if self.k is None else f"recall_at_{self.k}"], device=queries.device)
