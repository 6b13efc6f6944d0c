"""Rows of Hugging Face `datasets`, on the hub or on disk, and their classes."""

from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np

from lit_pretrain.datamodules.split import numbered


def load(
    name: str, config: str | None, split: str, revision: str | None, streaming: bool = False
) -> datasets.Dataset | datasets.IterableDataset:
    """A split, all columns; a folder that holds one data set without splits is given whatever the split.

    Args:
        name: on the hub, or a folder that `save_to_disk` wrote.
        config: configuration of the data set; None: its only one.
        split: its name of the split.
        revision: of the data set; None: the newest.
        streaming: give rows to iterate over, without downloading them first.

    Raises:
        ValueError: there is no such data set or split.
    """
    folder = Path(name).expanduser()
    try:
        if any((folder / file).exists() for file in ("dataset_dict.json", "state.json")):  # of save_to_disk
            loaded = datasets.load_from_disk(str(folder))
            loaded = loaded if isinstance(loaded, datasets.Dataset) else loaded[split]
            return loaded.to_iterable_dataset() if streaming else loaded
        return datasets.load_dataset(name, config, split=split, streaming=streaming, revision=revision)
    except (FileNotFoundError, ConnectionError, KeyError, ValueError, datasets.exceptions.DatasetsError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"data set {name!r}, split {split!r}, cannot be loaded: {first}") from error


def check_columns(rows: datasets.Dataset | datasets.IterableDataset, name: str, *columns: str | None) -> None:
    """Raises ValueError if a column is missing; None stands for one that nobody wants. A stream may not know its columns."""
    for column in columns:
        if column is not None and rows.features is not None and column not in rows.features:
            raise ValueError(f"data set {name!r} has no column {column!r}; it has {sorted(rows.features)}")


def class_names(rows: datasets.Dataset, column: str | None) -> tuple[str, ...]:
    """The names that the data set knows, or else all values, sorted; without a column none."""
    if column is None:
        return ()
    names = getattr(rows.features[column], "names", None)
    return tuple(names or sorted({str(x) for x in rows.unique(column) if x is not None}))


def label_reader(rows: datasets.Dataset | datasets.IterableDataset, column: str | None) -> Callable[[dict], str | None]:
    """Row -> the name of its label, None where it has none; without a column no row has one."""
    names = getattr((rows.features or {}).get(column), "names", None)

    def label(row: dict) -> str | None:
        value = None if column is None else row[column]
        if value is None or not names:
            return None if value is None else str(value)
        return names[value] if value >= 0 else None  # -1 in a test split whose labels are not published

    return label


def labels(rows: datasets.Dataset, column: str | None, names: tuple[str, ...], name: str) -> np.ndarray | None:
    """(N,) int64 numbers in `names`, -1 where there is none; None: no row has a label."""
    if column is None:
        return None
    if hasattr(rows.features[column], "names"):  # -1 in a test split whose labels are not published
        numbers = np.array([-1 if x is None else x for x in rows[column]], np.int64)
        return numbers if (numbers >= 0).any() else None
    return numbered((None if x is None else str(x) for x in rows[column]), names, name)
