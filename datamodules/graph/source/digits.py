"""Handwritten digits, each linked with those that look most like it: a real graph on every machine."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import kneighbors_graph

from lit_pretrain.datamodules.graph.graph import Graph, undirected
from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.datamodules.graph.source.base import NodeSource
from lit_pretrain.datamodules.split import digest

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class DigitsGraph(NodeSource):
    """scikit-learn's 1797 digits of 8 x 8 pixels: the nodes, their pixels (0 to 1) the features, their digits the labels.

    Args:
        neighbours: each digit is linked with so many others, both ways.
        noise: standard deviation of what is added to the pixels that are features, so that neighbours are needed; links are
            those of the clean pixels.
        labelled: labelled digits of each class in training; 20 in the public splits of citation graphs.
        levels: of brightness, where pixels shall be categories; None: they are numbers.
    """

    class_names = NAMES

    def __init__(self, neighbours: int = 3, noise: float = 1.0, labelled: int = 20, levels: int | None = None):
        if neighbours < 1 or noise < 0 or labelled < 1:
            raise ValueError(f"neighbours={neighbours}, labelled={labelled} must be at least 1 and noise={noise} at least 0")
        if levels is not None and levels < 2:
            raise ValueError(f"levels={levels} must be at least 2")
        self.neighbours, self.noise, self.labelled, self.levels = neighbours, noise, labelled, levels

    def graph(self) -> NodeGraph:
        found, rng = load_digits(), np.random.default_rng(0)
        pixels = (found.data / 16).astype(np.float32)
        rows, columns = kneighbors_graph(pixels, self.neighbours).nonzero()
        features = pixels + self.noise * rng.standard_normal(pixels.shape, np.float32)
        if self.levels is not None:
            features = (features * self.levels).clip(0, self.levels - 1).astype(np.int64)
        index = undirected(np.stack([columns, rows]).astype(np.int64))
        labels, order = found.target.astype(np.int64), rng.permutation(len(pixels))
        train = np.concatenate([order[labels[order] == c][: self.labelled] for c in range(len(NAMES))])
        others = order[~np.isin(order, train)]
        splits = {"train": train, "validation": others[:500], "test": others[500:]}
        return NodeGraph.of(Graph(features, index), "digits", labels, {k: np.sort(v) for k, v in splits.items()})

    def fingerprint(self, split: str) -> str:
        return digest("digits graph", self.neighbours, self.noise, self.labelled, self.levels)
