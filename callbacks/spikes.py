"""Whether a number stands far above those before it."""

from collections import deque
from collections.abc import Sequence
from statistics import median

SIGMA = 1.4826  # median absolute deviations in a standard deviation of the normal distribution
FLOOR = 0.01  # of the median: numbers that hardly change do not make every change a spike


class Spikes:
    """The last good values of one number, by which the next is judged.

    A value is a spike when it is above median + threshold * sigma of those kept, where sigma is 1.4826 times their median
    absolute deviation, and at least 1 % of the median. Unlike mean and deviation, both stay where they are when a few
    values are wild.

    Args:
        threshold: in sigmas.
        window: values kept.
        warmup: values needed before any is judged.
    """

    def __init__(self, threshold: float, window: int, warmup: int):
        self.threshold, self.warmup = threshold, warmup
        self.values: deque[float] = deque(maxlen=window)

    @property
    def usual(self) -> float:
        """The median; infinity while there are too few values."""
        return median(self.values) if len(self.values) >= self.warmup else float("inf")

    @property
    def bound(self) -> float:
        """The highest value that is no spike."""
        if (usual := self.usual) == float("inf"):
            return usual
        sigma = SIGMA * median(abs(value - usual) for value in self.values)
        return usual + self.threshold * max(sigma, FLOOR * abs(usual))

    def keep(self, value: float) -> None:
        self.values.append(value)

    def state(self) -> list[float]:
        return list(self.values)

    def restore(self, values: Sequence[float]) -> None:
        self.values.clear()
        self.values.extend(values)
