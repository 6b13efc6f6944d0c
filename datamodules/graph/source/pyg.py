"""Data sets of torch-geometric, by their names, without downloads that nobody asked for."""

import difflib
import inspect
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch_geometric
import torch_geometric.datasets
from torch import Tensor
from torch_geometric.data import Data, Dataset

from lit_pretrain.datamodules.files import cache_folder
from lit_pretrain.datamodules.graph.graph import Graph
from lit_pretrain.datamodules.split import digest
from lit_pretrain.datamodules.unreadable import reason


def known(dataset: str) -> type[Dataset]:
    """
    Raises:
        ValueError: torch_geometric.datasets has no such class.
    """
    found = {k: v for k, v in vars(torch_geometric.datasets).items() if inspect.isclass(v) and issubclass(v, Dataset)}
    if dataset not in found:
        near = difflib.get_close_matches(dataset, found, 3, 0.4)
        raise ValueError(f"torch_geometric.datasets has no {dataset!r}; did you mean {' or '.join(near) or sorted(found)}?")
    return found[dataset]


def opened(dataset: str, root: str, arguments: dict[str, Any], download: bool) -> Dataset:
    """A data set from its raw files. What torch-geometric makes of them is kept in the cache (`LIT_PRETRAIN_CACHE`).

    Raises:
        ValueError: raw files are missing and `download` is false, or the data set cannot be read.
    """
    kind, folder = known(dataset), Path(root).expanduser().resolve()
    made = digest(dataset, str(folder), sorted(arguments.items()), torch_geometric.__version__)

    class Opened(kind):
        """The data set, read from its raw files into the cache."""

        processed_dir = str(cache_folder() / "torch_geometric" / f"{dataset}-{made}")

        def _download(self) -> None:
            if missing := [path for path in self.raw_paths if not Path(path).exists()]:
                if not download:
                    raise FileNotFoundError(f"there is no {missing[0]}")
                super()._download()

    try:
        return Opened(str(folder), **arguments)
    except Exception as error:  # each data set has its own way of refusing arguments and damaged files
        missing = isinstance(error, FileNotFoundError) and not download
        advice = ": name the folder that holds its raw files, or fetch them with download: true" if missing else ""
        raise ValueError(f"{dataset} {arguments} cannot be read from root={root!r} ({reason(error)}){advice}") from error


def graph_of(data: Data, label: object = None) -> Graph:
    """Nodes without features get a one each.

    Raises:
        ValueError: nodes or edges are of several types.
    """
    if not isinstance(data, Data):
        raise ValueError(f"{type(data).__name__} is no graph of one type of nodes and edges")
    features, edge_features = _columns(data.x), _columns(data.edge_attr)
    if features is None:
        features = np.ones((data.num_nodes, 1), np.float32)
    return Graph(features, data.edge_index.numpy(), edge_features, label)


def _columns(values: Tensor | None) -> np.ndarray | None:
    """(n, F), also of one column; None where there is none."""
    if values is None or (values.numel() == 0 and values.ndim > 1 and values.shape[1] == 0):
        return None
    return (values if values.layout == torch.strided else values.to_dense()).reshape(len(values), -1).numpy()
