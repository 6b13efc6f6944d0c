"""One graph in tables of its edges and its nodes."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from lit_pretrain.datamodules.files import arrays
from lit_pretrain.datamodules.graph.graph import Graph, undirected
from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.datamodules.graph.source.base import NodeSource
from lit_pretrain.datamodules.graph.source.splits import random_splits
from lit_pretrain.datamodules.split import SPLITS, digest
from lit_pretrain.datamodules.unreadable import reason

OTHER_NAMES = {"val": "validation", "valid": "validation", "dev": "validation"}


class EdgeList(NodeSource):
    """Tables `.csv`, `.tsv` (a header, then a line each) or `.npz` (an array a column) of one graph.

    A line of `nodes` is a node: its name in the first column, then its features, which are the numeric columns. A line of
    `edges` is an edge: the names of two nodes in the first two columns, then its features, if any. Arrays of an `.npz` are
    (n,) or (n, F), and the order of its columns is that of its arrays.

    Args:
        edges, nodes: the files.
        label: a column of nodes: whole numbers and words are classes, empty where one is unknown, other numbers are
            quantities; None: unlabelled.
        split: a column of nodes that says train, validation or test, empty for no one's examples; None: at random.
        directed: edges lead one way; otherwise each stands once in the file and leads both ways.
        validation_fraction, test_fraction: shares of the nodes, without `split`.
    """

    def __init__(
        self,
        edges: str = "edges.csv",
        nodes: str = "nodes.csv",
        *,
        label: str | None = None,
        split: str | None = None,
        directed: bool = False,
        validation_fraction: float = 0.1,
        test_fraction: float = 0.1,
    ):
        self.edges, self.nodes, self.label, self.split, self.directed = edges, nodes, label, split, directed
        self.fractions = (validation_fraction, test_fraction)

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._labels[1]

    @property
    def label_names(self) -> tuple[str, ...]:
        return (self.label,) if self.label is not None and not self.class_names else ()

    def graph(self) -> NodeGraph:
        nodes, edges = self._nodes, _table(self.edges)
        if len(edges) < 2:
            raise ValueError(f"{self.edges} has the columns {list(edges)}: the first two name the nodes of each edge")
        names, sources, targets, *others = *list(nodes.values())[:1], *edges.values()
        index = self._numbers(names, sources, targets)
        features = _numeric({k: v for k, v in list(nodes.items())[1:] if k not in (self.label, self.split)})
        features = np.ones((len(names), 1), np.float32) if features is None else features
        edge_features = _numeric(dict(enumerate(others)))
        if not self.directed:
            index = undirected(index)
            edge_features = None if edge_features is None else np.concatenate([edge_features, edge_features])
        return NodeGraph.of(Graph(features, index, edge_features), self.nodes, self._labels[0], self._splits())

    def fingerprint(self, split: str) -> str:
        """Of the files' names and sizes."""
        files = [(file, Path(file).expanduser().stat().st_size) for file in (self.edges, self.nodes)]
        return digest(files, self.label, self.split, self.directed, self.fractions)

    @cached_property
    def _nodes(self) -> dict[str, np.ndarray]:
        return _table(self.nodes, self.label, self.split)

    @cached_property
    def _labels(self) -> tuple[np.ndarray | None, tuple[str, ...]]:
        """(N,) int64 or float32, and the names of classes."""
        if self.label is None:
            return None, ()
        values = pandas.Series(self._nodes[self.label])
        known = values[values.notna()]
        if (known.dtype.kind == "f" and (known % 1 == 0).all()) or known.dtype.kind in "iu":
            known = known[known >= 0].astype(np.int64)  # -1 where arrays know no empty places
        elif known.dtype.kind == "f":
            return values.to_numpy(np.float32), ()
        classes = sorted(known.unique())
        return pandas.Index(classes).get_indexer(values), tuple(map(str, classes))

    def _splits(self) -> dict[str, np.ndarray]:
        if self.split is None:
            return random_splits(len(next(iter(self._nodes.values()))), *self.fractions)
        words = pandas.Series(self._nodes[self.split]).fillna("").astype(str).str.strip().str.lower().replace(OTHER_NAMES)
        if len(unknown := set(words) - {*SPLITS, ""}):
            raise ValueError(f"{self.nodes}, split={self.split!r}: {sorted(unknown)[:5]} are no splits; they are"
                             f" {', '.join(SPLITS)}")  # fmt: skip
        return {split: np.flatnonzero(words == split) for split in SPLITS}

    def _numbers(self, names: np.ndarray, *ends: np.ndarray) -> np.ndarray:
        """(2, E) places of the ends of edges among the names of nodes."""
        if any(values.dtype.kind != "i" for values in (names, *ends)):
            names, *ends = (values.astype(str) for values in (names, *ends))
        known = pandas.Index(names)
        if not known.is_unique:
            raise ValueError(f"{self.nodes}: node {known[known.duplicated()][0]!r} stands in more than one line")
        found = np.stack([known.get_indexer(values) for values in ends])
        if (found < 0).any():
            end, row = np.argwhere(found < 0)[0]
            raise ValueError(f"{self.edges}, edge {row} (from 0) leads to node {str(ends[end][row])!r}, which is not in"
                             f" {self.nodes}")  # fmt: skip
        return found


def _table(file: str, *columns: str | None) -> dict[str, np.ndarray]:
    """Columns by name, in their order.

    Raises:
        ValueError: there is no such table, it is damaged, it lacks a column, or columns differ in length.
    """
    path, ending = Path(file).expanduser(), Path(file).suffix
    try:
        if ending == ".npz":
            found = arrays(path)
        elif ending in (".csv", ".tsv"):
            read = pandas.read_csv(path, sep="," if ending == ".csv" else "\t")
            found = {column: read[column].to_numpy() for column in read}
        else:
            raise ValueError("its name ends in none of .csv, .tsv, .npz")
        if len({len(values) for values in found.values()}) != 1:
            raise ValueError(f"its columns have {[len(values) for values in found.values()]} rows")
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"table {file!r} cannot be read ({reason(error)})") from error
    if missing := {column for column in columns if column is not None} - set(found):
        raise ValueError(f"table {file!r} has no column {missing.pop()!r}; it has {list(found)}")
    return found


def _numeric(columns: Mapping[Any, np.ndarray]) -> np.ndarray | None:
    """(n, F) float32 of the columns of numbers; None if there are none."""
    found = [
        values.reshape(len(values), -1).astype(np.float32) for values in columns.values() if values.dtype.kind in "iufb"
    ]
    return np.concatenate(found, 1) if found else None
