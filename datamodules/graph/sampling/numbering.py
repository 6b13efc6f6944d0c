"""Places of a large graph's nodes in a short list of them."""

import numpy as np


class Numbering:
    """A list of different nodes of a graph that may be large: adding and looking up take one step a node.

    An array over all nodes holds the place of each in the list. It is never cleared: a place counts only if the list has
    the node there (a sparse set), so that a new list costs no time, whatever the size of the graph.

    Args:
        num_nodes: N of the graph.
    """

    def __init__(self, num_nodes: int):
        self._places = np.zeros(num_nodes, np.int64)
        self.nodes = np.zeros(0, np.int64)

    @classmethod
    def of(cls, num_nodes: int, before: "Numbering | None") -> "Numbering":
        """The one before if it fits, else a new one."""
        return before if before is not None and len(before._places) == num_nodes else cls(num_nodes)

    def begin(self, nodes: np.ndarray) -> None:
        """A new list of these (n,), which differ."""
        self._places[nodes] = np.arange(len(nodes))
        self.nodes = nodes

    def add(self, nodes: np.ndarray) -> np.ndarray:
        """Append those of (n,) that are new, once each, and return them."""
        new = nodes[~self.has(nodes)]
        places = np.arange(len(new))
        self._places[new] = places  # of equal nodes the last one stays
        new = new[self._places[new] == places]
        self._places[new] = len(self.nodes) + np.arange(len(new))
        self.nodes = np.concatenate([self.nodes, new])
        return new

    def has(self, nodes: np.ndarray) -> np.ndarray:
        """(n,) bool: which of them are in the list."""
        places = self._places[nodes]
        inside = places < len(self.nodes)
        inside[inside] = self.nodes[places[inside]] == nodes[inside]
        return inside

    def __call__(self, nodes: np.ndarray) -> np.ndarray:
        """(n,) places of nodes that are in the list."""
        return self._places[nodes]
