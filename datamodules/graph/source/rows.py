"""Graphs from lists, arrays or tensors, as rows of files hold them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lit_pretrain.datamodules.graph.graph import Graph
from lit_pretrain.datamodules.unreadable import Unreadable, reason

MOST = 1_000_000  # nodes without features, of which a file need hold no more than their number


def attempt(name: str, make: Callable[[Any], Graph], row: Any) -> tuple[str, Graph | Unreadable]:
    """The name, and the graph or why there is none."""
    try:
        return name, make(row)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        return name, Unreadable(name, reason(error))


def graph_of(nodes: Any, index: Any, edge_features: Any = None, label: Any = None) -> Graph:
    """
    Args:
        nodes: N lists of F numbers each, or N numbers; or N itself, of nodes without features, which get a one each.
        index: (2, E).
        edge_features: E lists of C numbers each, or E numbers.
        label: the name or the number of a class, a number, or a list of numbers, None where one is unknown.

    Raises:
        ValueError: something is missing, or lists are of different lengths.
    """
    if nodes is None or index is None:
        raise ValueError(f"there are no {'nodes' if nodes is None else 'edges'}")
    if np.ndim(nodes) == 0 and not 0 <= int(nodes) <= MOST:
        raise ValueError(f"{nodes} nodes: a graph without features has from 0 to {MOST:,}")
    features = np.ones((int(nodes), 1), np.float32) if np.ndim(nodes) == 0 else columns(nodes)
    index = np.asarray(index)
    index = index if index.size else np.zeros((2, 0), np.int64)
    return Graph(features, index, None if edge_features is None else columns(edge_features), _label(label))


def columns(values: Any) -> np.ndarray:
    """(n, F), also of one number each."""
    found = np.asarray(values)
    return found.reshape(len(found), -1) if found.size else np.zeros((len(found), 0), np.float32)


def _label(label: Any) -> int | float | str | np.ndarray | None:
    if label is None or isinstance(label, str):
        return label
    values = np.asarray(label)
    if values.dtype.kind not in "iubf":
        values = np.asarray(label, np.float32)
    return values.item() if values.size == 1 else values.astype(np.float32).flatten()
