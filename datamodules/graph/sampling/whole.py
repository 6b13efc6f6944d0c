"""The whole graph in every batch."""

import numpy as np
from torch import Tensor

from lit_pretrain.datamodules.graph.graphs import NodeGraph
from lit_pretrain.datamodules.graph.sampling.base import Sampling
from lit_pretrain.types import GraphBatch


class Whole(Sampling):
    """Full-batch training: every step sees all nodes.

    Args:
        steps_per_epoch: how often a shuffled epoch gives the graph; an epoch of one step costs more than the step.
    """

    def __init__(self, steps_per_epoch: int = 100):
        if steps_per_epoch < 1:
            raise ValueError(f"steps_per_epoch={steps_per_epoch} must be at least 1")
        self.steps_per_epoch = steps_per_epoch
        self._kept: tuple[NodeGraph, Tensor, GraphBatch] | None = None

    def plan(self, nodes: np.ndarray, shuffle: bool) -> list[np.ndarray]:
        return [np.sort(nodes)] * (self.steps_per_epoch if shuffle else 1)

    def batch(self, graph: NodeGraph, nodes: Tensor, seed: Tensor) -> GraphBatch:
        if self._kept is None or self._kept[0] is not graph or not self._kept[1].equal(nodes):
            self._kept = (graph, nodes, graph.batch(nodes))  # the same object, so that what its edges have cached lasts
        return self._kept[2]
