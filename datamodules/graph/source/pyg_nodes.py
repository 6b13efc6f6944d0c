"""One graph of torch-geometric's data sets."""

from functools import cached_property

import numpy as np
from torch import Tensor
from torch_geometric.data import Data

from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.datamodules.graph.source.base import NodeSource
from lit_pretrain.datamodules.graph.source.names import class_numbers, column_numbers
from lit_pretrain.datamodules.graph.source.pyg import graph_of, known, opened
from lit_pretrain.datamodules.graph.source.splits import random_splits
from lit_pretrain.datamodules.split import digest

MASKS = {"train": "train_mask", "validation": "val_mask", "test": "test_mask"}


class PyGNodes(NodeSource):
    """A data set of torch_geometric.datasets with one graph: Planetoid (Cora, CiteSeer, PubMed), Amazon, Coauthor, WikiCS,
    Actor, HeterophilousGraphDataset, Reddit, ...

    Classes are named by their numbers. A data set without masks is divided at random.

    Args:
        name: of the graph, where the data set has several; None: it has one.
        root: the folder that holds it, as torch-geometric lays it out (`root/Cora/raw/...`).
        dataset: its class.
        split: which of its divisions, where it has an argument `split`: Planetoid has `public` (20 labelled nodes of each
            class), `full` and `geom-gcn`.
        fold: which column of its masks, where they have several.
        download: fetch what is missing.
        validation_fraction, test_fraction: shares of the nodes, where it has no masks.
    """

    def __init__(
        self,
        name: str | None = "Cora",
        root: str = "data",
        dataset: str = "Planetoid",
        *,
        split: str | None = None,
        fold: int = 0,
        download: bool = False,
        validation_fraction: float = 0.1,
        test_fraction: float = 0.8,
    ):
        known(dataset)
        if split == "random":
            raise ValueError("split='random' is another one in each run: use one of the data set's fixed divisions")
        self.name, self.root, self.dataset, self.split, self.fold = name, root, dataset, split, fold
        self.download, self.fractions = download, (validation_fraction, test_fraction)

    @cached_property
    def data(self) -> Data:
        given = {"name": self.name, "split": self.split}
        arguments = {key: value for key, value in given.items() if value is not None}
        found = opened(self.dataset, self.root, arguments, self.download)
        if len(found) != 1:
            raise ValueError(f"{self.dataset} has {len(found)} graphs: use the source PyGGraphs")
        return found[0]

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        return class_numbers(self._labels())

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        return column_numbers(self._labels())

    def graph(self) -> NodeGraph:
        return NodeGraph.of(graph_of(self.data), f"{self.dataset} {self.name or ''}".strip(), self._labels(), self._splits())

    def fingerprint(self, split: str) -> str:
        return digest(self.dataset, self.name, self.split, self.fold, self.fractions)

    def _labels(self) -> np.ndarray | None:
        """(N,) int64 classes, or (N,) or (N, T) float32."""
        if self.data.y is None:
            return None
        labels = self.data.y.squeeze(1) if self.data.y.ndim == 2 and self.data.y.shape[1] == 1 else self.data.y
        return labels.numpy().astype(np.int64 if labels.ndim == 1 and not labels.is_floating_point() else np.float32)

    def _splits(self) -> dict[str, np.ndarray]:
        masks = {split: self.data.get(key) for split, key in MASKS.items()}
        if masks["train"] is None:
            return random_splits(self.data.num_nodes, *self.fractions)
        return {split: np.flatnonzero(self._column(mask)) for split, mask in masks.items() if mask is not None}

    def _column(self, mask: Tensor) -> np.ndarray:
        if mask.ndim == 1:
            return mask.numpy()
        if not 0 <= self.fold < mask.shape[1]:
            raise ValueError(f"fold={self.fold}: {self.dataset} has {mask.shape[1]} divisions, from 0")
        return mask[:, self.fold].numpy()
