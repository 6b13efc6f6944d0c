"""Sources whose graphs come in splits."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from lit_pretrain.datamodules.graph.graph import Graph
from lit_pretrain.datamodules.graph.graphs import Graphs
from lit_pretrain.datamodules.graph.source.base import GraphSource
from lit_pretrain.datamodules.graph.source.names import class_numbers, column_numbers
from lit_pretrain.datamodules.split import held_out
from lit_pretrain.datamodules.unreadable import Unreadable


class GivenSplits(GraphSource):
    """Without validation graphs, a fixed share of the training graphs serves.

    Args:
        given: what holds each split; None: there is no such split.
        validation_fraction: that share.
    """

    def __init__(self, given: Mapping[str, Any], validation_fraction: float):
        self.given, self.validation_fraction = dict(given), validation_fraction
        self._read: dict[str, Graphs] = {}
        self._names: tuple[str, ...] = ()

    @abstractmethod
    def named(self, split: str) -> Iterator[tuple[str, Graph | Unreadable]]:
        """All graphs of a split that is given, by name, or why there is none; labels may be names of classes."""

    @property
    def class_names(self) -> tuple[str, ...]:
        found = self._all("train")
        return self._names or class_numbers(found.labels)

    @property
    def label_names(self) -> tuple[str, ...]:
        return column_numbers(self._all("train").labels)

    def graphs(self, split: str) -> Graphs:
        if split == "test" or self.given["validation"] is not None:
            return self._all(split)
        found = self._all("train")
        part = found.choose(held_out(len(found), self.validation_fraction, split))
        return part if split == "train" else replace(part, unreadable=())  # named once

    def _all(self, split: str) -> Graphs:
        if split not in self._read:
            rows = [] if self.given[split] is None else list(self.named(split))
            if split != "train":
                self._all("train")
            elif any(isinstance(graph, Graph) and isinstance(graph.label, str) for _, graph in rows):
                labels = {graph.label for _, graph in rows if isinstance(graph, Graph)} - {None}
                self._names = tuple(sorted(map(str, labels)))
            self._read[split] = Graphs.of((name, self._numbered(graph)) for name, graph in rows)
        return self._read[split]

    def _numbered(self, graph: Graph | Unreadable) -> Graph | Unreadable:
        if isinstance(graph, Unreadable) or graph.label is None or not (self._names or isinstance(graph.label, str)):
            return graph
        if str(graph.label) not in self._names:
            raise ValueError(f"label {graph.label!r} does not occur in the training split, which has {self._names[:20]}")
        return replace(graph, label=self._names.index(str(graph.label)))
