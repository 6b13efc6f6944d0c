"""Learning-rate schedules: a factor between 0 and 1 for each optimiser step."""

import math
from abc import abstractmethod

from lit_pretrain.part import Recorded


class Schedule(Recorded):
    """Linear warm-up, then the shape of the subclass.

    Args:
        warmup: steps of linear warm-up; below 1 it is a share of all steps.
    """

    def __init__(self, warmup: float = 0.05):
        if warmup < 0:
            raise ValueError(f"warmup={warmup}: give a number of steps, or a share of all steps below 1")
        self.warmup = warmup

    def factor(self, step: int, total: int) -> float:
        """The factor at `step` (counted from 0) of `total` steps."""
        warmup = self.warmup * total if self.warmup < 1 else self.warmup
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return self.shape(step, warmup, total)

    @abstractmethod
    def shape(self, step: int, warmup: float, total: int) -> float:
        """The factor after warm-up."""


def _progress(step: int, start: float, total: int) -> float:
    return min(1.0, (step - start) / max(1.0, total - start))


class Constant(Schedule):
    """1 after warm-up."""

    def shape(self, step: int, warmup: float, total: int) -> float:
        return 1.0


class Cosine(Schedule):
    """Half a cosine down to `final` (arXiv 1608.03983)."""

    def __init__(self, warmup: float = 0.05, final: float = 0.0):
        super().__init__(warmup)
        self.final = final

    def shape(self, step: int, warmup: float, total: int) -> float:
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * _progress(step, warmup, total)))


class Linear(Schedule):
    """A straight line down to `final`, as BERT has it (arXiv 1810.04805)."""

    def __init__(self, warmup: float = 0.05, final: float = 0.0):
        super().__init__(warmup)
        self.final = final

    def shape(self, step: int, warmup: float, total: int) -> float:
        return 1 - (1 - self.final) * _progress(step, warmup, total)


class InverseSquareRoot(Schedule):
    """sqrt(warmup / step), as the Transformer and T5 have it (arXiv 1706.03762)."""

    def shape(self, step: int, warmup: float, total: int) -> float:
        return math.sqrt(max(1.0, warmup) / max(1.0, step))


class WarmupStableDecay(Schedule):
    """Constant, then linear decay over the last share `decay` of the steps (arXiv 2404.06395)."""

    def __init__(self, warmup: float = 0.05, decay: float = 0.2, final: float = 0.0):
        super().__init__(warmup)
        self.decay, self.final = decay, final

    def shape(self, step: int, warmup: float, total: int) -> float:
        return 1 - (1 - self.final) * max(0.0, _progress(step, (1 - self.decay) * total, total))


class MultiStep(Schedule):
    """Multiplied by `factor` at each milestone, as residual networks are trained (arXiv 1512.03385).

    Args:
        warmup: see `Schedule`.
        milestones: shares of all steps; those of BiT's fine-tuning (arXiv 1912.11370).
        factor: 0.1 in both papers.
    """

    def __init__(self, warmup: float = 0.0, milestones: tuple[float, ...] = (0.3, 0.6, 0.9), factor: float = 0.1):
        super().__init__(warmup)
        if not all(0 < m < 1 for m in milestones):
            raise ValueError(f"milestones={tuple(milestones)}: give shares of all steps between 0 and 1")
        self.milestones, self.multiplier = tuple(milestones), factor

    def shape(self, step: int, warmup: float, total: int) -> float:
        return self.multiplier ** sum(step >= m * total for m in self.milestones)
