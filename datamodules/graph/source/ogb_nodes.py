"""One graph of the Open Graph Benchmark, from the files that it is published in."""

import zlib
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas

from lit_pretrain.datamodules.graph.graph import Graph, undirected
from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.datamodules.graph.source.base import NodeSource
from lit_pretrain.datamodules.graph.source.names import class_numbers, column_numbers
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.unreadable import reason

FILES = {"train": "train", "validation": "valid", "test": "test"}  # what they are called there


class OGBNodes(NodeSource):
    """ogbn-arxiv, ogbn-products or ogbn-proteins (arXiv 2005.00687): the unpacked archive of ogb.stanford.edu, without the
    package ogb.

    Classes are named by their numbers. Where nodes have no features they get a one each.

    Args:
        folder: holds `raw/edge.csv.gz`, `raw/node-label.csv.gz`, `split/...` and, where there are features,
            `raw/node-feat.csv.gz` and `raw/edge-feat.csv.gz`.
        split: the folder below `split`, such as `time` of ogbn-arxiv; None: there is one.
        directed: edges lead one way; otherwise each leads both ways.
    """

    def __init__(self, folder: str, split: str | None = None, directed: bool = False):
        self.folder, self.split, self.directed = folder, split, directed

    @property
    def class_names(self) -> tuple[str, ...]:
        return class_numbers(self._labels)

    @property
    def label_names(self) -> tuple[str, ...]:
        return column_numbers(self._labels)

    def graph(self) -> NodeGraph:
        index = self._read("raw/edge.csv.gz", np.int64).T
        edge_features = self._features("raw/edge-feat.csv.gz")
        if not self.directed:
            index = undirected(index)
            edge_features = None if edge_features is None else np.concatenate([edge_features, edge_features])
        features = self._features("raw/node-feat.csv.gz")
        features = np.ones((len(self._labels), 1), np.float32) if features is None else features
        return NodeGraph.of(Graph(features, index, edge_features), self.folder, self._labels, self._splits())

    def fingerprint(self, split: str) -> str:
        return digest(self.folder, self.split, self.directed)

    @cached_property
    def _labels(self) -> np.ndarray:
        """(N,) int64, -1: none, or (N, T) float32."""
        found = self._read("raw/node-label.csv.gz", np.float32)
        return found if found.shape[1] > 1 else np.where(np.isnan(found), -1, found)[:, 0].astype(np.int64)

    def _splits(self) -> dict[str, np.ndarray]:
        known = sorted(path.name for path in self._path("split").glob("*") if path.is_dir())
        split = known[0] if self.split is None and len(known) == 1 else self.split
        if split not in known:
            raise ValueError(f"split={self.split!r}: {self._path('split')} has the folders {known}")
        return {own: self._read(f"split/{split}/{file}.csv.gz", np.int64)[:, 0] for own, file in FILES.items()}

    def _features(self, file: str) -> np.ndarray | None:
        return self._read(file, np.float32) if self._path(file).exists() else None

    def _read(self, file: str, kind: type) -> np.ndarray:
        """
        Raises:
            ValueError: there is no such file, or it is damaged.
        """
        if not self._path(file).exists():
            raise ValueError(f"there is no {self._path(file)}: fetch its archive from ogb.stanford.edu, unpack"
                             " it, and name the folder that holds `raw` and `split`")  # fmt: skip
        try:
            return pandas.read_csv(self._path(file), header=None, dtype=kind).to_numpy()
        except (ValueError, OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{self._path(file)} cannot be read ({reason(error)}): fetch it again") from error

    def _path(self, file: str) -> Path:
        return Path(self.folder).expanduser() / file
