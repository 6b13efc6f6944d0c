"""Many graphs of torch-geometric's data sets."""

import inspect
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from torch_geometric.data import Data

from lit_pretrain.datamodules.graph.graph import Graph
from lit_pretrain.datamodules.graph.graphs import Graphs
from lit_pretrain.datamodules.graph.source.base import GraphSource
from lit_pretrain.datamodules.graph.source.names import class_numbers, column_numbers
from lit_pretrain.datamodules.graph.source.pyg import graph_of, known, opened
from lit_pretrain.datamodules.graph.source.splits import fold_splits, random_splits
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.unreadable import reason

OWN = {"train": "train", "validation": "val", "test": "test"}  # what torch-geometric calls splits


class PyGGraphs(GraphSource):
    """A data set of torch_geometric.datasets with many graphs: TUDataset (MUTAG, PROTEINS, NCI1, IMDB-BINARY, ...), ZINC,
    QM9, GNNBenchmarkDataset, LRGBDataset, ...

    Its own splits serve where it has an argument `split`; otherwise it is divided by `fold`, or at random. Node labels of a
    TUDataset are features, one column each, and nodes without features get a one. Classes are named by their numbers.

    Args:
        name: of the data set, where the class has several; None: it has one.
        root: the folder that holds it, as torch-geometric lays it out (`root/MUTAG/raw/...`).
        dataset: its class.
        options: further arguments, such as `use_node_attr: true` of a TUDataset, for numbers of nodes beside their labels.
        fold: of a cross-validation, which part is test; the next one is validation. None: a division at random.
        folds: parts, each with the same shares of the classes; 10 in most papers.
        validation_fraction, test_fraction: shares of the graphs, without `fold`.
        download: fetch what is missing.
    """

    def __init__(
        self,
        name: str | None = "MUTAG",
        root: str = "data",
        dataset: str = "TUDataset",
        *,
        options: dict[str, Any] | None = None,
        fold: int | None = None,
        folds: int = 10,
        validation_fraction: float = 0.1,
        test_fraction: float = 0.1,
        download: bool = False,
    ):
        self.name, self.root, self.dataset, self.options = name, root, dataset, dict(options or {})
        self.fold, self.folds, self.download = fold, folds, download
        self.fractions = (validation_fraction, test_fraction)
        self._has_splits = "split" in inspect.signature(known(dataset).__init__).parameters
        if self._has_splits and fold is not None:
            raise ValueError(f"fold={fold}: {dataset} has splits of its own: leave it out")
        self._read: dict[str | None, Graphs] = {}

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return class_numbers(self._graphs("train").labels)

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        return column_numbers(self._graphs("train").labels)

    def graphs(self, split: str) -> Graphs:
        found = self._graphs(split)
        if self._has_splits:
            return found
        part = found.choose(self._splits[split])
        return part if split == "train" else replace(part, unreadable=())  # named once

    def fingerprint(self, split: str) -> str:
        return digest(self.dataset, self.name, split, sorted(self.options.items()), self.fold, self.folds, self.fractions)

    @cached_property
    def _splits(self) -> dict[str, np.ndarray]:
        found = self._graphs("train")
        if self.fold is None:
            return random_splits(len(found), *self.fractions)
        if found.labels is None:
            raise ValueError(f"fold={self.fold}: {self.dataset} has no classes: leave it out")
        return fold_splits(found.labels, self.fold, self.folds)

    def _graphs(self, split: str) -> Graphs:
        """Of a split of its own, or all."""
        own = OWN[split] if self._has_splits else None
        if own not in self._read:
            self._read[own] = Graphs.of(self._named(own))
        return self._read[own]

    def _named(self, own: str | None) -> Iterator[tuple[str, Graph]]:
        given = {"name": self.name, "split": own}
        arguments = {key: value for key, value in given.items() if value is not None} | self.options
        found = opened(self.dataset, self.root, arguments, self.download)
        for number in range(len(found)):
            name = " ".join(filter(None, (self.dataset, self.name, own, str(number))))
            try:
                yield name, graph_of(data := found[number], label_of(data))
            except (IndexError, RuntimeError) as error:  # raw files that do not fit each other
                raise ValueError(f"{name} of root={self.root!r} is damaged ({reason(error)}): fetch the raw files again, and"
                                 " remove what was made of them from the cache") from error  # fmt: skip


def label_of(data: Data) -> int | float | np.ndarray | None:
    """A class, a number, or several numbers."""
    if data.y is None:
        return None
    values = data.y.flatten().tolist() if hasattr(data.y, "flatten") else [data.y]
    return values[0] if len(values) == 1 else np.array(values, np.float32)
