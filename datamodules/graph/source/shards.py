"""Graphs in files of torch or Parquet."""

import pickle
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet
import torch
from torch import Tensor

from lit_pretrain.datamodules.files import sizes
from lit_pretrain.datamodules.graph.graph import Graph
from lit_pretrain.datamodules.graph.source.given_splits import GivenSplits
from lit_pretrain.datamodules.graph.source.rows import attempt, graph_of
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.tar import expanded
from lit_pretrain.datamodules.unreadable import Unreadable, reason

KEYS = ("x", "edge_index", "edge_attr", "y")


class Shards(GivenSplits):
    """Files `.pt` that hold a list of dictionaries, or `.parquet` with a row a graph.

    The names are torch-geometric's: `x` (N, F), `edge_index` (2, E), `edge_attr` (E, C) and `y`, of which the last two may
    be missing; without `x`, `num_nodes` says N. A list of its `Data` becomes such a file by
    `torch.save([data.to_dict() for data in graphs], file)`: objects of classes are not loaded, since they could run code.

    Args:
        train, validation, test: paths or a list of them, with braces ({000..127}, {a,b}) and wildcards; None: no such split.
        validation_fraction: without `validation`, this share of the training graphs.
    """

    def __init__(
        self,
        train: str | list[str],
        validation: str | list[str] | None = None,
        test: str | list[str] | None = None,
        *,
        validation_fraction: float = 0.1,
    ):
        super().__init__({"train": train, "validation": validation, "test": test}, validation_fraction)

    def named(self, split: str) -> Iterator[tuple[str, Graph | Unreadable]]:
        for file in expanded(self.given[split]):
            for number, row in enumerate(_rows(Path(file).expanduser())):
                yield attempt(f"{file}, graph {number}", _graph, row)

    def fingerprint(self, split: str) -> str:
        """Of the shards' names and some of their sizes."""
        shards = [expanded(self.given[part]) if self.given[part] else [] for part in ("train", split)]
        return digest(split, self.validation_fraction, shards, [sizes(part) for part in shards])


def _graph(row: Any) -> Graph:
    if not isinstance(row, Mapping):
        raise ValueError(f"{type(row).__name__} is no dictionary with the keys {', '.join(KEYS)}")
    nodes, *others = (value.numpy() if isinstance(value, Tensor) else value for value in map(row.get, KEYS))
    return graph_of(row.get("num_nodes") if nodes is None else nodes, *others)


def _rows(file: Path) -> Iterable[Any]:
    """
    Raises:
        ValueError: the file is no such file, or damaged.
    """
    try:
        if file.suffix == ".parquet":
            return pyarrow.parquet.read_table(file).to_pylist()
        if file.suffix != ".pt":
            raise ValueError("a shard of graphs ends in .pt or .parquet")
        rows = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"shard {file} is damaged, or holds objects of classes, which are not loaded since they could run"
                         " code: write a list of dictionaries, such as Data.to_dict() gives") from error  # fmt: skip
    except Exception as error:  # the unpickler, too, fails in many ways on damaged bytes
        raise ValueError(f"shard {file} cannot be read ({reason(error)}): write it again, or leave it out") from error
    if not isinstance(rows, list):
        raise ValueError(f"shard {file} holds a {type(rows).__name__} and no list of graphs")
    return rows
