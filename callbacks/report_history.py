"""What a report shows of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

MAX_POINTS = 1000  # of one curve; beyond, every second is dropped


@dataclass
class Map:
    """Embeddings in two dimensions.

    Args:
        views: title -> (N, 2).
        labels: (N,) class of each point.
        names: of the classes.
    """

    views: dict[str, Tensor]
    labels: Tensor
    names: tuple[str, ...]


@dataclass
class History:
    """What a report shows of a run.

    Args:
        title: what was trained.
        curves: metric -> [(step, value), ...].
        probes: name -> rows of its history.
        facts: one line about size, time and device.
        map: of the final embeddings; None: there are no labels.
    """

    title: str = ""
    curves: dict[str, list[list[float]]] = field(default_factory=dict)
    probes: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    facts: str = ""
    map: Map | None = None

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Append to the curves what is newer than their last point."""
        for name, value in values.items():
            curve = self.curves.setdefault(name, [])
            if not curve or curve[-1][0] < step:
                curve.append([step, float(value)])
            if len(curve) > MAX_POINTS:
                del curve[1::2]
