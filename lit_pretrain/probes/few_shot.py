"""How well classes are told apart from a handful of examples of each.

Legend: N examples, D width of the features.
"""

from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

from lit_pretrain.probes.base import Labelled, Probe, check
from lit_pretrain.probes.ridge import RidgeProbe
from lit_pretrain.types import Outcomes


class FewShotProbe(Probe):
    """Ridge regression on k training examples of each class, over several draws of them (arXiv 1912.11370).

    `accuracy_K_shot` and `deviation_K_shot`: mean and standard deviation over the draws; `accuracy`: with the most shots.
    Within a draw, more shots contain the fewer ones, so that numbers of shots are compared on the same examples.

    Args:
        shots: numbers of examples of each class.
        draws: of the training examples.
        l2: strength of the penalty (see `RidgeProbe`). It is fixed: a handful of examples cannot choose it.
        seed: of the draws.
    """

    def __init__(self, shots: tuple[int, ...] = (1, 2, 5, 10), draws: int = 5, l2: float = 0.1, seed: int = 0):
        if not shots or min(shots) < 1 or draws < 1:
            raise ValueError(f"shots={shots}, draws={draws}: give at least one of each")
        self.shots, self.draws, self.l2, self.seed = tuple(sorted(shots)), draws, l2, seed

    def fit(self, features: Tensor, labels: Tensor, validation: Labelled | None = None) -> Self:
        """Keep what is drawn from.

        Raises:
            ValueError: a class has fewer examples than the most shots.
        """
        check(features, labels)
        self.selected = {}
        self.classes, counts = labels.unique(return_counts=True)
        if counts.min() < self.shots[-1]:
            raise ValueError(f"shots={self.shots}: class {self.classes[counts.argmin()]} has {counts.min()} training"
                             " examples: give fewer shots, or more examples")  # fmt: skip
        self.features, self.labels = features, labels
        return self

    def score(self, features: Tensor, labels: Tensor) -> Iterator[tuple[str, float]]:
        found = self._right(features, labels).mean(2)  # (draws, shots)
        yield "accuracy", float(found[:, -1].mean())
        deviations = found.std(0, correction=0)
        for k, mean, deviation in zip(self.shots, found.mean(0).tolist(), deviations.tolist(), strict=True):
            yield f"accuracy_{k}_shot", mean
            yield f"deviation_{k}_shot", deviation

    def outcomes(self, features: Tensor, labels: Tensor) -> Outcomes:
        right = self._right(features, labels)[:, -1].mean(0)[:, None]  # (N, 1)
        return Outcomes(right, torch.ones_like(right)).cpu()

    def _right(self, features: Tensor, labels: Tensor) -> Tensor:
        """(draws, shots, N) float64, 1 where the class is right."""
        check(features, labels)
        found = []
        for places in self._places():
            chosen = [places < k for k in self.shots]
            probes = [RidgeProbe((self.l2,)).fit(self.features[few], self.labels[few]) for few in chosen]
            found.append(torch.stack([probe.predict(features) == labels for probe in probes]))
        return torch.stack(found).double()

    def _places(self) -> Iterator[Tensor]:
        """(N,) of each draw: as which of its class each training example is drawn."""
        generator = torch.Generator().manual_seed(self.seed)
        counts = self.labels.unique(return_counts=True)[1]
        firsts = (counts.cumsum(0) - counts).repeat_interleave(counts)
        for _ in range(self.draws):
            order = torch.randperm(len(self.labels), generator=generator).to(self.labels.device)
            order = order[self.labels[order].argsort(stable=True)]
            yield torch.empty_like(order).scatter(0, order, torch.arange(len(order), device=order.device) - firsts)
