"""Graphs in files of JSON, one a line."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lit_pretrain.datamodules.graph.graph import Graph, undirected
from lit_pretrain.datamodules.graph.source.given_splits import GivenSplits
from lit_pretrain.datamodules.graph.source.rows import attempt, columns, graph_of
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.tar import expanded
from lit_pretrain.datamodules.unreadable import Unreadable, reason


class JSONLines(GivenSplits):
    """Files `.jsonl` or `.jsonl.gz` with an object a line:

        {"nodes": [[0.5, 1.0], [0.1, 0.0]], "edges": [[0, 1]], "edge_features": [[2.0]], "label": "cat"}

    `nodes` are the features of each, or the number of nodes where they have none. An edge is a source and a target, nodes
    counted from 0. `edge_features` and `label` may be missing; a label is the name or the number of a class (whole), another
    number, or a list of numbers, null where one is unknown. A line that is no graph is left out and named.

    Args:
        train, validation, test: the files of a split, paths or a list of them, with wildcards; None: no such split.
        validation_fraction: without `validation`, this share of the training graphs.
        directed: edges lead one way; otherwise each stands once in the file and leads both ways.
        categories: features are numbers of categories, and not quantities.
    """

    def __init__(
        self,
        train: str | list[str],
        validation: str | list[str] | None = None,
        test: str | list[str] | None = None,
        *,
        validation_fraction: float = 0.1,
        directed: bool = False,
        categories: bool = False,
    ):
        super().__init__({"train": train, "validation": validation, "test": test}, validation_fraction)
        self.directed, self.categories = directed, categories

    def named(self, split: str) -> Iterator[tuple[str, Graph | Unreadable]]:
        for file in expanded(self.given[split]):
            for number, line in enumerate(_lines(Path(file).expanduser()), 1):
                if line.strip():
                    yield attempt(f"{file}, line {number}", self._graph, line)

    def fingerprint(self, split: str) -> str:
        """Of the files' names and sizes."""
        sizes = [[(file, Path(file).expanduser().stat().st_size) for file in expanded(files or [])]
                 for files in (self.given[split], self.given["train"])]  # fmt: skip
        return digest(split, self.validation_fraction, self.directed, self.categories, sizes)

    def _graph(self, line: bytes) -> Graph:
        row = json.loads(line)
        if not isinstance(row, dict) or not {"nodes", "edges"} <= set(row):
            raise ValueError(f"no object with the keys nodes and edges, but {str(row)[:40]!r}")
        nodes, features = row["nodes"], row.get("edge_features")
        index = columns(row["edges"]).T if row["edges"] else np.zeros((2, 0), np.int64)
        features = None if features is None else self._typed(features)
        if not self.directed:
            index, features = undirected(index), None if features is None else np.concatenate([features, features])
        return graph_of(nodes if np.ndim(nodes) == 0 else self._typed(nodes), index, features, row.get("label"))

    def _typed(self, values: list) -> np.ndarray:
        found = columns(values)
        if not self.categories:
            return found.astype(np.float32)
        if found.dtype.kind not in "iub":
            raise ValueError("features are no whole numbers, as categories are")
        return found


def _lines(file: Path) -> Iterator[bytes]:
    """
    Raises:
        ValueError: the file is no such file, or damaged.
    """
    if not file.name.endswith((".jsonl", ".jsonl.gz")):
        raise ValueError(f"{file}: a file of graphs ends in .jsonl or .jsonl.gz")
    try:
        with gzip.open(file) if file.suffix == ".gz" else open(file, "rb") as opened:
            yield from opened
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{file} cannot be read to its end ({reason(error)}): make it again") from error
