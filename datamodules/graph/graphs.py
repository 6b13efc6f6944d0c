"""Graphs in memory, checked once: many small ones, or one large one whose nodes are the examples.

Legend: G graphs, N nodes, E directed edges, F features of a node, C features of an edge.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lit_pretrain.datamodules.graph.graph import Graph, alike, sound
from lit_pretrain.datamodules.graph.pairs import Pairs
from lit_pretrain.datamodules.unreadable import Unreadable
from lit_pretrain.types import Edges, GraphBatch


def starts(counts: np.ndarray) -> np.ndarray:
    """(G,) -> (G + 1,) where each begins, and the end."""
    return np.concatenate([[0], np.cumsum(counts)])


def ranges(begin: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """begin[0], begin[0] + 1, ... (counts[0] of them), begin[1], ..."""
    before = np.repeat(starts(counts)[:-1], counts)
    return np.arange(counts.sum()) - before + np.repeat(begin, counts)


@dataclass(frozen=True)
class Graphs:
    """The graphs of a split, laid end to end.

    Args:
        features: (N, F) of all.
        nodes: (G,) of each graph.
        index: (2, E) of all, nodes numbered in their graph.
        edges: (G,) of each graph.
        edge_features: (E, C) of all, or None.
        labels: (G,) int64 classes (-1: none), or float32 (G,) or (G, T) numbers (NaN: unknown); None: unlabelled.
        unreadable: (name, reason) of the graphs that were left out.
    """

    features: np.ndarray
    nodes: np.ndarray
    index: np.ndarray
    edges: np.ndarray
    edge_features: np.ndarray | None = None
    labels: np.ndarray | None = None
    unreadable: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, graphs: Iterable[tuple[str, Graph | Unreadable]]) -> "Graphs":
        """Graphs by name, or why there is none; those that are unsound or unlike the first are left out and named."""
        whole, problems = [], []
        for name, graph in graphs:
            try:
                if isinstance(graph, Unreadable):
                    raise graph
                whole.append((name, sound(graph, name)))
            except Unreadable as problem:
                problems.append((problem.name, problem.reason))
        whole, others = alike(whole)
        problems += others
        if not whole:
            nothing = np.zeros(0, np.int64)
            return cls(
                np.zeros((0, 0), np.float32), nothing, np.zeros((2, 0), np.int64), nothing, unreadable=tuple(problems)
            )
        return cls(
            np.concatenate([graph.features for graph in whole]),
            np.array([len(graph.features) for graph in whole]),
            np.concatenate([graph.index for graph in whole], 1),
            np.array([graph.index.shape[1] for graph in whole]),
            None if whole[0].edge_features is None else np.concatenate([graph.edge_features for graph in whole]),
            _labels([graph.label for graph in whole]),
            tuple(problems),
        )

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def sizes(self) -> np.ndarray:
        """(G,) nodes plus edges."""
        return self.nodes + self.edges

    def choose(self, numbers: np.ndarray) -> "Graphs":
        """These graphs, in this order."""
        own = ranges(starts(self.nodes)[numbers], self.nodes[numbers])
        edges = ranges(starts(self.edges)[numbers], self.edges[numbers])
        return Graphs(
            self.features[own],
            self.nodes[numbers],
            self.index[:, edges],
            self.edges[numbers],
            None if self.edge_features is None else self.edge_features[edges],
            None if self.labels is None else self.labels[numbers],
            self.unreadable,
        )

    def batch(self, numbers: np.ndarray) -> GraphBatch:
        """These graphs, laid end to end."""
        part = self.choose(numbers)
        index = part.index + np.repeat(starts(part.nodes)[:-1], part.edges)
        into = np.bincount(index[1], minlength=part.nodes.sum())  # sorted by target, since each graph is
        return GraphBatch(
            torch.from_numpy(part.features),
            Edges(torch.from_numpy(starts(into)), torch.from_numpy(index[0])),
            tuple(part.nodes.tolist()),
            None if part.edge_features is None else torch.from_numpy(part.edge_features),
            labels=_known(part.labels),
            index=torch.from_numpy(numbers),
        )


@dataclass(frozen=True)
class NodeGraph:
    """One graph whose nodes are the examples.

    Args:
        features: (N, F) float32 or int64.
        edges: between them.
        labels: (N,) int64 classes, -1: none; None: unlabelled.
        splits: the nodes of each split; nodes of no split are seen, and are no one's examples.
        edge_features: (E, C) or None.
        pairs: of each split, of nodes that are to be told linked or not; empty: there are none.
    """

    features: Tensor
    edges: Edges
    labels: np.ndarray | None = None
    splits: dict[str, np.ndarray] = field(default_factory=dict)
    edge_features: Tensor | None = None
    pairs: dict[str, Pairs] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, name: str, labels: np.ndarray | None, splits: dict[str, np.ndarray]) -> "NodeGraph":
        """
        Raises:
            ValueError: the graph is unsound, or labels or splits do not fit it.
        """
        try:
            graph = sound(graph, name)
        except Unreadable as problem:
            raise ValueError(f"{problem.name}: {problem.reason}") from None
        nodes = len(graph.features)
        if labels is not None and len(labels) != nodes:
            raise ValueError(f"{name}: {len(labels)} labels for {nodes} nodes")
        for split, numbers in splits.items():
            if len(numbers) and not 0 <= numbers.min() <= numbers.max() < nodes:
                raise ValueError(f"{name}: split {split!r} has node {numbers.max()}, and there are {nodes}")
        edges = Edges(
            torch.from_numpy(starts(np.bincount(graph.index[1], minlength=nodes))), torch.from_numpy(graph.index[0])
        )
        return cls(torch.from_numpy(graph.features), edges, labels, splits,
                   None if graph.edge_features is None else torch.from_numpy(graph.edge_features))  # fmt: skip

    @property
    def num_nodes(self) -> int:
        return len(self.features)

    @cached_property
    def in_training(self) -> "NodeGraph":
        """The same graph, of which only the nodes of the training split have labels."""
        if self.labels is None:
            return self
        shown = np.full_like(self.labels, -1 if self.labels.dtype.kind == "i" else np.nan)
        if "train" in self.splits:
            shown[self.splits["train"]] = self.labels[self.splits["train"]]
        return replace(self, labels=shown)

    def batch(self, seeds: Tensor) -> GraphBatch:
        """The whole graph, with these nodes as its examples."""
        return GraphBatch(self.features, self.edges, (self.num_nodes,), self.edge_features, seeds,
                          torch.arange(self.num_nodes), labels=self.labels_of(seeds), index=seeds)  # fmt: skip

    def part(self, nodes: Tensor, edges: Edges, places: Tensor, seeds: Tensor) -> GraphBatch:
        """Some nodes, some of the edges between them, and the examples.

        Args:
            nodes: (n,) numbers in this graph.
            edges: numbered as `nodes` are.
            places: (e,) which of this graph's edges they are.
            seeds: (B,) places in `nodes`.
        """
        features = None if self.edge_features is None else self.edge_features.index_select(0, places)
        return GraphBatch(self.features.index_select(0, nodes), edges, (len(nodes),), features, seeds, nodes,
                          labels=self.labels_of(nodes[seeds]), index=nodes[seeds])  # fmt: skip

    def labels_of(self, nodes: Tensor) -> Tensor | None:
        """(B,) int64, -1: none; None if no one has one."""
        labels = None if self.labels is None else self.labels[nodes.numpy()]
        none = labels is None or (labels.dtype.kind == "i" and (labels < 0).all())
        return None if none else torch.from_numpy(labels)


def _known(labels: np.ndarray | None) -> Tensor | None:
    """The labels of a batch, if every example has one."""
    if labels is None or (labels.dtype.kind == "i" and (labels < 0).any()):
        return None
    return torch.from_numpy(labels)


def _labels(found: list[int | float | np.ndarray | None]) -> np.ndarray | None:
    """See `Graphs`."""
    known = [label for label in found if label is not None]
    if not known:
        return None
    if all(np.ndim(label) == 0 and np.asarray(label).dtype.kind in "iub" for label in known):
        return np.array([-1 if label is None else label for label in found], np.int64)
    unknown = np.full(np.shape(known[0]), np.nan)
    return np.array([unknown if label is None else label for label in found], np.float32)
