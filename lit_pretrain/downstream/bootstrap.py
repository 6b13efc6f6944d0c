"""Is the difference of two rows more than the luck of the test examples? Legend: N test examples, R resamples."""

from typing import NamedTuple

import torch
from torch import Tensor

from lit_pretrain.types import Outcomes

CHUNK = 4_000_000  # numbers that are drawn at a time


class Comparison(NamedTuple):
    """The first metric minus the second, its 95 % interval (percentiles), and the two-sided p-value of no difference."""

    difference: float
    low: float
    high: float
    p: float


def paired_bootstrap(first: Outcomes, second: Outcomes, resamples: int = 2000, seed: int = 0) -> Comparison:
    """Draw N of the N test examples with replacement, the same for both, and take the difference of the metrics; R times
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993; for test sets Koehn, EMNLP 2004):

        p = min(1, 2 (1 + min(#{difference <= 0}, #{difference >= 0})) / (R + 1))

    Args:
        first, second: on the same examples in the same order.
        resamples: R; p is at least 2 / (R + 1).
        seed: of the draws.

    Raises:
        ValueError: the examples are not the same.
    """
    apart = first.labels is not None and second.labels is not None and not torch.equal(first.labels, second.labels)
    if first.sums.shape != second.sums.shape or apart:
        raise ValueError(f"outcomes {tuple(first.sums.shape)} and {tuple(second.sums.shape)} are not of the same examples in"
                         " the same order")  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    differences = []
    for size in _chunks(resamples, max(1, CHUNK // len(first.sums))):
        weights = _drawn(size, len(first.sums), generator)
        differences.append(first.metric(weights) - second.metric(weights))
    found = torch.cat(differences)
    low, high = found.quantile(found.new_tensor([0.025, 0.975])).tolist()
    rarer = min(int((found <= 0).sum()), int((found >= 0).sum()))
    return Comparison(float(first.metric() - second.metric()), low, high, min(1.0, 2 * (1 + rarer) / (resamples + 1)))


def _drawn(size: int, examples: int, generator: torch.Generator) -> Tensor:
    """(size, N) float64: how often each example was drawn."""
    drawn = torch.randint(examples, (size, examples), generator=generator)
    return torch.zeros(size, examples, dtype=torch.float64).scatter_add_(1, drawn, torch.ones_like(drawn).double())


def _chunks(total: int, most: int) -> list[int]:
    return [min(most, total - done) for done in range(0, total, most)]
