"""Random trees that carry one motif: generated graphs whose label is in their structure alone."""

import numpy as np

from lit_pretrain.datamodules.graph.graph import Graph, undirected
from lit_pretrain.datamodules.graph.graphs import Graphs
from lit_pretrain.datamodules.graph.source.base import GraphSource
from lit_pretrain.datamodules.split import SPLITS, digest

MOTIFS = {  # edges
    "triangle": [(0, 1), (1, 2), (2, 0)],
    "square": [(0, 1), (1, 2), (2, 3), (3, 0)],
    "pentagon": [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)],
    "house": [(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4)],
    "clique": [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
    "star": [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5)],
}


class Motifs(GraphSource):
    """A tree of random size, each node tied to an earlier one at random, and copies of a motif tied to it.

    The label is the motif. Nodes have one categorical feature, `kinds` kinds, drawn so that neighbours tend to be of one
    kind: there is something to predict of a hidden node, and nothing in it that tells the label.

    Args:
        sizes: graphs of each split.
        nodes: least and most nodes of a tree.
        copies: of the motif.
        kinds: of nodes.
        same: chance that a node is of the kind of the node that it was tied to.
    """

    class_names = tuple(MOTIFS)

    def __init__(
        self,
        sizes: dict[str, int] | None = None,
        nodes: tuple[int, int] = (8, 20),
        copies: int = 2,
        kinds: int = 5,
        same: float = 0.7,
    ):
        self.sizes = {"train": 3000, "validation": 500, "test": 1000} | (sizes or {})
        if unknown := set(self.sizes) - set(SPLITS):
            raise ValueError(f"sizes={sizes}: {sorted(unknown)} are no splits; they are {', '.join(SPLITS)}")
        if not 1 <= nodes[0] <= nodes[1] or copies < 1 or kinds < 1 or not 0 <= same <= 1:
            raise ValueError(f"nodes={nodes}, copies={copies}, kinds={kinds} must be positive and same={same} a chance")
        self.nodes, self.copies, self.kinds, self.same = nodes, copies, kinds, same

    def graphs(self, split: str) -> Graphs:
        rng = np.random.default_rng([SPLITS.index(split), 0])
        return Graphs.of((f"motif graph {i}", self._graph(rng)) for i in range(self.sizes[split]))

    def fingerprint(self, split: str) -> str:
        return digest("motifs", split, self.sizes[split], self.nodes, self.copies, self.kinds, self.same)

    def _graph(self, rng: np.random.Generator) -> Graph:
        label = int(rng.integers(len(MOTIFS)))
        motif = list(MOTIFS.values())[label]
        count = int(rng.integers(self.nodes[0], self.nodes[1] + 1))
        edges = [(int(rng.integers(i)), i) for i in range(1, count)]
        for _ in range(self.copies):
            edges += [(int(rng.integers(count)), count), *((count + a, count + b) for a, b in motif)]
            count += 1 + max(max(edge) for edge in motif)
        kinds = rng.integers(self.kinds, size=count)
        for earlier, later in edges:
            if rng.random() < self.same:
                kinds[later] = kinds[earlier]
        order = rng.permutation(count)  # so that a node's number says nothing of its place
        features = np.empty_like(kinds)
        features[order] = kinds
        return Graph(features[:, None], undirected(order[np.array(edges).T]), label=label)
