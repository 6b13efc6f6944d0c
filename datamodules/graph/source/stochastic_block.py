"""A generated graph of communities, of any size."""

from collections.abc import Sequence

import numpy as np

from lit_pretrain.datamodules.graph.graph import Graph, undirected
from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.datamodules.graph.source.base import NodeSource
from lit_pretrain.datamodules.split import digest


class StochasticBlocks(NodeSource):
    """The stochastic block model: each pair of nodes is linked with chance `p_in` in a block and `p_out` between blocks, by
    itself. The label is the block.

    Features are a random vector of the block plus noise, so that a node alone says little and its neighbours say more. Time
    and memory grow with the edges, and not with the pairs of nodes.

    Args:
        sizes: nodes of each block.
        p_in, p_out: chances of a link.
        features: F.
        noise: its standard deviation; the blocks' vectors have 1.
        labelled: labelled nodes of each block in training; a quarter of the others is validation and the rest test.
        seed: of the graph.
    """

    def __init__(
        self,
        sizes: Sequence[int] = (300, 300, 300, 300, 300),
        p_in: float = 0.02,
        p_out: float = 0.002,
        *,
        features: int = 16,
        noise: float = 4.0,
        labelled: int = 20,
        seed: int = 0,
    ):
        if not 0 <= p_in <= 1 or not 0 <= p_out <= 1 or features < 1 or noise < 0:
            raise ValueError(f"p_in={p_in} and p_out={p_out} must be chances, features={features} at least 1 and"
                             f" noise={noise} at least 0")  # fmt: skip
        if not sizes or not 1 <= labelled < min(sizes):
            raise ValueError(f"labelled={labelled} must be at least 1 and below each of sizes={list(sizes)[:20]}")
        self.sizes, self.chances, self.features, self.noise = tuple(sizes), (p_in, p_out), features, noise
        self.labelled, self.seed = labelled, seed

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(f"block {block}" for block in range(len(self.sizes)))

    def graph(self) -> NodeGraph:
        rng, count = np.random.default_rng(self.seed), sum(self.sizes)
        labels = np.repeat(np.arange(len(self.sizes)), self.sizes)
        order = rng.permutation(count)  # so that a node's number says nothing of its block
        index = undirected(order[self._links(rng)])
        labels[order] = labels.copy()
        features = rng.standard_normal((count, self.features), np.float32) * np.float32(self.noise)
        features += rng.standard_normal((len(self.sizes), self.features), np.float32)[labels]
        shuffled = rng.permutation(count)
        blocks = [shuffled[labels[shuffled] == block] for block in range(len(self.sizes))]
        train = np.concatenate([block[: self.labelled] for block in blocks])
        others = rng.permutation(np.concatenate([block[self.labelled :] for block in blocks]))
        quarter = len(others) // 4
        splits = {"train": train, "validation": others[:quarter], "test": others[quarter:]}
        splits = {split: np.sort(nodes) for split, nodes in splits.items()}
        return NodeGraph.of(Graph(features, index), "stochastic blocks", labels, splits)

    def fingerprint(self, split: str) -> str:
        return digest(self.sizes, self.chances, self.features, self.noise, self.labelled, self.seed)

    def _links(self, rng: np.random.Generator) -> np.ndarray:
        """(2, links), each link once, nodes numbered block by block."""
        starts, found = np.cumsum((0, *self.sizes)), []
        for first, rows in enumerate(self.sizes):
            for second, columns in enumerate(self.sizes[first:], first):
                cells = chosen(rows * columns, self.chances[int(first != second)], rng)
                row, column = cells // columns, cells % columns
                once = slice(None) if first != second else row < column
                found.append(np.stack([starts[first] + row[once], starts[second] + column[once]]))
        return np.concatenate(found, 1)


def chosen(count: int, chance: float, rng: np.random.Generator) -> np.ndarray:
    """The numbers below `count`, each with this chance by itself, sorted: steps from one to the next are geometric."""
    if chance == 0:
        return np.zeros(0, np.int64)
    found, last, expected = [], -1, count * chance
    while last < count:
        steps = rng.geometric(chance, int(expected + 4 * expected**0.5) + 8)
        found.append(last + np.cumsum(steps))
        last = int(found[-1][-1])
    numbers = np.concatenate(found)
    return numbers[numbers < count]
