"""Words that images carry, as a table."""

from collections.abc import Collection, Iterable

import numpy as np


def tag_names_of(images: Iterable[Collection[str]]) -> tuple[str, ...]:
    """All tags of some images, sorted."""
    return tuple(sorted({tag for tags in images for tag in tags}))


def tag_matrix(images: Iterable[Collection[str]], names: tuple[str, ...]) -> np.ndarray:
    """(N, T) bool; tags that are not among the T names are dropped."""
    images = list(images)
    columns = {name: column for column, name in enumerate(names)}
    table = np.zeros((len(images), len(names)), bool)
    for row, tags in enumerate(images):
        table[row, [columns[tag] for tag in tags if tag in columns]] = True
    return table
