"""Do examples of one label find each other? A probe without training.

Legend: N examples, Q queries of a chunk, D width of the features.
"""

from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

from lit_pretrain.probes.base import Labelled, Probe, check
from lit_pretrain.probes.ranking import similarities
from lit_pretrain.types import Outcomes


class RetrievalProbe(Probe):
    """Each scored example asks for the others of its label, which are ranked by cosine (clone detection, for instance).

    With R others of the query's label, and P(i) the share of them among the first i of the ranking:
    `map_at_r`: mean over queries of sum over i <= R of P(i) [the i-th is one of them] / R (arXiv 2003.08505);
    `r_precision`: mean of P(R);
    `mrr`: mean of 1 / (place of the first of them).

    Examples that are alone with their label are answers and no queries. Of equally similar examples those that come first
    in the data stand first. Nothing is learned of the training labels.

    Args:
        centre: subtract the mean of the training features first. A direction that all vectors share, as in language models
            (arXiv 1909.00512), otherwise drowns what tells them apart.
        chunk: queries compared with all examples at a time, which bounds the memory at chunk · N.
    """

    main = "map_at_r"

    def __init__(self, centre: bool = False, chunk: int = 256):
        if chunk < 1:
            raise ValueError(f"chunk={chunk}: compare at least one query at a time")
        self.centre, self.chunk = centre, chunk

    def fit(self, features: Tensor, labels: Tensor, validation: Labelled | None = None) -> Self:
        check(features, labels)
        self.selected = {}
        self.mean = features.float().mean(0) if self.centre else torch.zeros_like(features[0], dtype=torch.float32)
        return self

    def score(self, features: Tensor, labels: Tensor) -> Iterator[tuple[str, float]]:
        """See the class.

        Raises:
            ValueError: no two examples have the same label, or features are not finite.
        """
        found, asks = self._scores(features, labels)
        yield from zip(("map_at_r", "r_precision", "mrr"), found[asks].mean(0).tolist(), strict=True)

    def outcomes(self, features: Tensor, labels: Tensor) -> Outcomes:
        found, asks = self._scores(features, labels)
        return Outcomes(found[:, :1].where(asks[:, None], 0.0), asks[:, None]).cpu()

    def _scores(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3) the three scores of each example, and (N,) bool whether it is a query."""
        check(features, labels)
        features = features.float() - self.mean
        _, classes, counts = labels.unique(return_inverse=True, return_counts=True)
        others = counts[classes] - 1  # (N,) R of each
        if not (others > 0).any():
            raise ValueError(f"no two of {len(labels)} examples have the same label, so that none could be found: give more"
                             " examples, or other labels")  # fmt: skip
        found = torch.cat([
            self._chunk(similar, number, classes, others)
            for similar, number in zip(
                similarities(features, features, self.chunk), torch.arange(len(labels)).split(self.chunk), strict=True
            )
        ])  # fmt: skip
        return found, others > 0

    def _chunk(self, similar: Tensor, number: Tensor, classes: Tensor, others: Tensor) -> Tensor:
        """(Q, 3) the three scores of queries `number`; what stands in rows without others means nothing."""
        number = number.to(similar.device)
        itself = number[:, None]  # (Q, 1)
        similar = similar.scatter(1, itself, -torch.inf)  # a query finds itself last
        order = similar.argsort(dim=1, descending=True, stable=True)  # (Q, N)
        right = (classes[order] == classes[itself]) & (order != itself)
        place = torch.arange(1, similar.shape[1] + 1, device=similar.device, dtype=torch.float64)
        precision = right.cumsum(1) / place
        count = others[itself].double()  # (Q, 1)
        counted = right & (place <= count)
        average = (precision * counted).sum(1, keepdim=True) / count
        first = right.to(torch.int8).argmax(1, keepdim=True) + 1
        return torch.cat([average, counted.sum(1, keepdim=True) / count, first.double().reciprocal()], 1)
