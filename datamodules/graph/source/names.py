"""Names of labels that are known by their numbers only."""

import numpy as np


def class_numbers(labels: np.ndarray | None) -> tuple[str, ...]:
    """Of (n,) int64 classes; none of numbers."""
    return tuple(map(str, range(labels.max() + 1))) if labels is not None and labels.dtype.kind == "i" else ()


def column_numbers(labels: np.ndarray | None) -> tuple[str, ...]:
    """Of (n,) or (n, T) float32 numbers; none of classes."""
    return tuple(map(str, range(labels[:1].size))) if labels is not None and labels.dtype.kind == "f" else ()
