"""Graphs of Hugging Face `datasets`, on the hub or on disk."""

from collections.abc import Iterator
from typing import Any

import datasets

from lit_pretrain.datamodules import hub
from lit_pretrain.datamodules.graph.graph import Graph
from lit_pretrain.datamodules.graph.source.given_splits import GivenSplits
from lit_pretrain.datamodules.graph.source.rows import attempt, graph_of
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.unreadable import Unreadable


class HubGraphs(GivenSplits):
    """A data set by its name on the hub, or a folder that `save_to_disk` wrote. Code of a data set is never run.

    A row is a graph: lists of features of nodes and of edges, a list of sources and one of targets, and a label. The names
    of the columns are those of the hub's `graphs-datasets`. A folder that holds one data set without splits serves as
    `train`; set `validation` and `test` to None then.

    Args:
        name: name on the hub, or folder.
        config: configuration of the data set; None: its only one.
        nodes, edges, edge_features, label: columns; `edge_features` and `label` may be None. Where rows have no features of
            nodes, `nodes` is the column of their number.
        train, validation, test: its names of the splits; None: it has no such split.
        validation_fraction: without `validation`, this share of the training graphs.
        revision: of the data set, to fix its content.
    """

    def __init__(
        self,
        name: str,
        config: str | None = None,
        *,
        nodes: str = "node_feat",
        edges: str = "edge_index",
        edge_features: str | None = "edge_attr",
        label: str | None = "y",
        train: str = "train",
        validation: str | None = "validation",
        test: str | None = "test",
        validation_fraction: float = 0.1,
        revision: str | None = None,
    ):
        super().__init__({"train": train, "validation": validation, "test": test}, validation_fraction)
        self.name, self.config, self.revision = name, config, revision
        self.columns = (nodes, edges, edge_features, label)
        self._loaded: dict[str, datasets.Dataset] = {}

    def named(self, split: str) -> Iterator[tuple[str, Graph | Unreadable]]:
        for number, row in enumerate(self._load(split)):
            yield attempt(f"{self.name} {split} row {number}", self._graph, row)

    def fingerprint(self, split: str) -> str:
        own = [None if self.given[part] is None else self._load(part)._fingerprint for part in ("train", split)]
        return digest(split, self.columns, self.validation_fraction, own)

    def _graph(self, row: dict[str, Any]) -> Graph:
        return graph_of(*(None if column is None else row[column] for column in self.columns))

    def _load(self, split: str) -> datasets.Dataset:
        if split not in self._loaded:
            rows = hub.load(self.name, self.config, self.given[split], self.revision)
            hub.check_columns(rows, self.name, *self.columns)
            self._loaded[split] = rows
        return self._loaded[split]
