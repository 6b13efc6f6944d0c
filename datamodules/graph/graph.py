"""One graph, as a source reads it, and what makes it sound.

Legend: N nodes, E directed edges, F features of a node, C features of an edge.
"""

from dataclasses import dataclass, replace

import numpy as np

from lit_pretrain.datamodules.unreadable import Unreadable


@dataclass(frozen=True)
class Graph:
    """One graph, as a source reads it.

    Args:
        features: (N, F) float32 numbers or int64 categories.
        index: (2, E) int64 sources above targets; an undirected edge stands in it both ways.
        edge_features: (E, C) float32 or int64; None: edges are alike.
        label: a class, a number or several numbers, NaN where one is unknown; None: unlabelled.
    """

    features: np.ndarray
    index: np.ndarray
    edge_features: np.ndarray | None = None
    label: int | float | np.ndarray | None = None


def sound(graph: Graph, name: str) -> Graph:
    """The graph without self loops, each edge once, sorted by target; of equal edges the first one's features are kept.

    Networks that want self loops add them themselves, and two of them would count a node twice.

    Raises:
        Unreadable: no nodes, edges to nodes that do not exist, features that are no numbers, or arrays that do not fit.
    """
    nodes, index = len(graph.features), graph.index
    if graph.features.ndim != 2 or index.ndim != 2 or len(index) != 2:
        raise Unreadable(name, f"features of shape {graph.features.shape} and edges of shape {index.shape} are no (N, F) and"
                               " (2, E)")  # fmt: skip
    if nodes == 0:
        raise Unreadable(name, "no nodes")
    if index.size and index.dtype.kind not in "iu":
        raise Unreadable(name, f"edges lead between nodes by their numbers, and these are {index.dtype}")
    if index.size and not (index.min() >= 0 and index.max() < nodes):
        wrong = index[:, ((index < 0) | (index >= nodes)).any(0)][:, 0].tolist()
        raise Unreadable(name, f"edge {wrong} leads to a node that is none of its {nodes}")
    features, edge_features = _numbers(graph.features, name, "node"), graph.edge_features
    if edge_features is not None:
        if edge_features.ndim != 2 or len(edge_features) != index.shape[1]:
            raise Unreadable(name, f"features of edges of shape {edge_features.shape} are no (E, C) with E={index.shape[1]}")
        edge_features = _numbers(edge_features, name, "edge")
    index = index.astype(np.int64)
    _, first = np.unique(index[1] * nodes + index[0], return_index=True)
    first = first[index[0, first] != index[1, first]]
    return replace(graph, features=features, index=index[:, first],
                   edge_features=None if edge_features is None else edge_features[first])  # fmt: skip


def _numbers(features: np.ndarray, name: str, what: str) -> np.ndarray:
    """As float32, or int64 where they are whole."""
    if features.dtype.kind in "iub":
        return features.astype(np.int64, copy=False)
    if features.dtype.kind != "f":
        raise Unreadable(name, f"features of {what}s are {features.dtype} and no numbers")
    features = features.astype(np.float32, copy=False)
    if not np.isfinite(features).all():
        raise Unreadable(name, f"features of {what} {int(np.argmin(np.isfinite(features).all(1)))} are no numbers")
    return features


def alike(graphs: list[tuple[str, Graph]]) -> tuple[list[Graph], list[tuple[str, str]]]:
    """Sound graphs whose features have the number and type of the first one's, and (name, reason) of the others. Edges that
    are not there have any features, and so have labels that are not there any shape."""
    nodes = next((_kind(graph.features) for _, graph in graphs), None)
    edges = next((graph.edge_features for _, graph in graphs if graph.index.shape[1]), None)
    shape = next((np.shape(graph.label) for _, graph in graphs if graph.label is not None), None)
    found, problems = [], []
    for name, graph in graphs:
        if not graph.index.shape[1]:
            graph = replace(graph, edge_features=None if edges is None else edges[:0])
        if _kind(graph.features) != nodes:
            problems.append((name, f"features of nodes are {_kind(graph.features)}, and of the first graph {nodes}"))
        elif _kind(graph.edge_features) != _kind(edges):
            problems.append((name, f"features of edges are {_kind(graph.edge_features)}, and of the first graph"
                                   f" {_kind(edges)}"))  # fmt: skip
        elif graph.label is not None and np.shape(graph.label) != shape:
            problems.append((name, f"a label of shape {np.shape(graph.label)}, and of the first graph {shape}"))
        else:
            found.append(graph)
    return found, problems


def _kind(features: np.ndarray | None) -> str:
    return "none" if features is None else f"{features.shape[1]} numbers of type {features.dtype}"


def undirected(index: np.ndarray) -> np.ndarray:
    """(2, E) -> (2, 2 E), each edge both ways."""
    return np.concatenate([index, index[::-1]], 1)
