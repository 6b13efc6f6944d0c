"""What a batch holds of a graph whose nodes are the examples."""

from abc import abstractmethod

import numpy as np
from torch import Tensor

from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.part import Recorded
from lit_pretrain.types import GraphBatch


class Sampling(Recorded):
    """From the nodes that are examples to batches. All draws depend on the epoch's seed and the nodes alone."""

    @abstractmethod
    def plan(self, nodes: np.ndarray, shuffle: bool) -> list[np.ndarray]:
        """Cut nodes, in the order of the epoch, into batches."""

    @abstractmethod
    def batch(self, graph: NodeGraph, nodes: Tensor, seed: Tensor) -> GraphBatch:
        """
        Args:
            graph: the whole.
            nodes: (n,) of the batch.
            seed: () int64 of the epoch.
        """
