"""Which nodes are linked, of a few examples of a datamodule. Legend: N nodes."""

from typing import Any

import lightning as L
import numpy as np
from scipy.sparse import csr_array

from lit_pretrain.callbacks.features import LabelledView, opened, together
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.types import Batch, GraphBatch
from lit_pretrain.types.graph_parts import adjacency, parts


class Links(LabelledView):
    """The graphs of a datamodule as matrices; where nodes are the examples, the ego nets around them.

    Args:
        data, limit: see `LabelledView`; labels are not read.
        hops: of ego nets.
        max_nodes: ego nets of more nodes are left out.
    """

    def __init__(self, data: DataModule | None, limit: int, hops: int, max_nodes: int):
        super().__init__(data, limit, None)
        if hops < 1 or max_nodes < 2:
            raise ValueError(f"hops={hops} must be at least 1 and max_nodes={max_nodes} at least 2")
        self.hops, self.max_nodes = hops, max_nodes

    def describe(self, trainer: L.Trainer) -> dict[str, Any]:
        described = {key: value for key, value in super().describe(trainer).items() if key != "layer"}
        return described | {"hops": self.hops, "max_nodes": self.max_nodes}

    def adjacencies(self, trainer: L.Trainer, split: str) -> list[csr_array]:
        """Of all ranks, each (N, N) of ones and zeros, symmetric. All ranks must call it.

        Raises:
            ValueError: examples have no links, or there is no graph; raised on all ranks, so that none waits for another.
        """
        data = opened(trainer, self._data(trainer))
        found = [matrix for share in together(trainer, lambda: self._read(data, split)) for matrix in share]
        if not found:
            raise ValueError(f"{type(data).__name__} has no graph in split {split!r}, or none of its ego nets has at most"
                             f" max_nodes={self.max_nodes} nodes")  # fmt: skip
        return found

    def _read(self, data: DataModule, split: str) -> list[csr_array]:
        batches = data.loader(split, shuffle=False, limit=self.limit)
        every = (matrix for batch in batches for matrix in matrices(batch, self.hops))
        return [matrix for matrix in every if matrix.shape[0] <= self.max_nodes]


def matrices(batch: Batch, hops: int) -> list[csr_array]:
    """The graphs of a batch, or the ego nets of its examples; an edge leads both ways.

    Raises:
        ValueError: the batch holds no graphs.
    """
    if not isinstance(batch, GraphBatch):
        raise ValueError(f"links are wanted, and examples come as {type(batch).__name__}: choose data of graphs")
    linked = adjacency(batch)
    return [csr_array(linked[nodes][:, nodes]) for nodes in map(np.sort, parts(batch, linked, hops))]
