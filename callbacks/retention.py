"""Which checkpoints of a run are kept."""

import math
from pathlib import Path
from typing import Literal

import lightning as L
from lightning.pytorch.utilities import rank_zero_warn

from lit_pretrain.io.checkpoint import checkpoints, score


class Retention:
    """The newest checkpoints, and those that were best by a metric; of equals the older is better.

    Each checkpoint's manifest holds its score, so a resumed run decides as the uncut one.

    Args:
        keep: the newest.
        best: so many more; 0: none.
        monitor: a logged metric.
        mode: which values are better, the lower ("min") or the higher ("max").
    """

    def __init__(self, keep: int, best: int, monitor: str, mode: Literal["min", "max"]):
        if keep < 1 or best < 0:
            raise ValueError(f"keep={keep} must be at least 1, best={best} at least 0")
        if mode not in ("min", "max"):
            raise ValueError(f"mode={mode!r} must be min or max")
        self.keep, self.best, self.monitor, self.sign = keep, best, monitor, 1 if mode == "min" else -1

    def scores(self, trainer: L.Trainer) -> dict[str, float]:
        """What the manifest of a checkpoint of now shall hold; all ranks must ask. Empty: it cannot be a best one."""
        if not self.best:
            return {}
        logged = trainer.callback_metrics
        if self.monitor not in logged:
            rank_zero_warn(f"best={self.best} passes over checkpoints that are written before {self.monitor!r} is logged;"
                           f" logged is: {', '.join(sorted(logged)) or 'nothing'}")  # fmt: skip
            return {}
        value = float(logged[self.monitor])
        return {self.monitor: value} if math.isfinite(value) else {}

    def superseded(self, run_dir: Path) -> list[Path]:
        """The checkpoints that need not be kept."""
        found = checkpoints(run_dir)
        scored = {path: value for path in found if self.best and (value := score(path, self.monitor)) is not None}
        best = sorted(scored, key=lambda path: self.sign * scored[path])[: self.best]
        return [path for path in found[: -self.keep] if path not in best]
