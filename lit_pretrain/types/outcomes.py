"""How a model did on each test example. Legend: N examples, T columns (1, where an example has no several labels)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Outcomes:
    """What each example adds to a metric, so that two models can be compared example by example:

        metric = mean over columns of (sum over examples of `sums` / sum over examples of `counts`) ** `power`

    Args:
        sums: (N, T) float64, such as 1 where the class is right, or squared errors.
        counts: (N, T) float64, such as 1, or the labels of an example; 0: it does not count.
        power: 1 for means and shares, 0.5 for the root of a mean.
        predicted: (N,) int64 class; None: examples have no single class.
        labels: (N,) int64 the right one.
    """

    sums: Tensor
    counts: Tensor
    power: float = 1.0
    predicted: Tensor | None = None
    labels: Tensor | None = None

    @classmethod
    def of_classes(cls, predicted: Tensor, labels: Tensor) -> "Outcomes":
        """Of (N,) classes: the metric is the accuracy."""
        right = (predicted == labels).double()[:, None]
        return cls(right, torch.ones_like(right), 1.0, predicted, labels)

    @classmethod
    def cat(cls, parts: Sequence["Outcomes"]) -> "Outcomes":
        """One after the other."""
        sums, counts = torch.cat([part.sums for part in parts]), torch.cat([part.counts for part in parts])
        classes = [None, None]
        if all(part.predicted is not None for part in parts):
            classes = [torch.cat([part.predicted for part in parts]), torch.cat([part.labels for part in parts])]
        return cls(sums, counts, parts[0].power, *classes)

    @classmethod
    def pooled(cls, repeats: Sequence["Outcomes"]) -> "Outcomes":
        """Of the same examples under several seeds, as if each were there once with the mean of them."""
        sums, counts = (torch.stack(found).mean(0) for found in ([r.sums for r in repeats], [r.counts for r in repeats]))
        return cls(sums, counts, repeats[0].power, None, repeats[0].labels)

    def cpu(self) -> "Outcomes":
        """Here, and in float64."""
        classes = [None if found is None else found.cpu() for found in (self.predicted, self.labels)]
        return Outcomes(self.sums.cpu().double(), self.counts.cpu().double(), self.power, *classes)

    def metric(self, weights: Tensor | None = None) -> Tensor:
        """The metric, () or, with the examples weighted by (R, N) float64, (R,). Columns that nothing counts in are left
        out."""
        once = torch.ones_like(self.sums[:, :1]).T if weights is None else weights
        found = ((once @ self.sums) / (once @ self.counts)).pow(self.power).nanmean(1)
        return found[0] if weights is None else found
