"""Nodes by how far they are from the best linked one. Legend: G graphs, N nodes."""

from itertools import accumulate

import torch
from torch import Tensor

from lit_pretrain.nn.graph_tokenizer.order import NodeOrder, by_keys, walks
from lit_pretrain.types import GraphBatch


class BreadthFirstOrder(NodeOrder):
    """All nodes of a graph, first the best linked one, then its neighbours, then theirs.

    Args:
        farthest: distance that is told apart; nodes farther away, and those that it does not reach, come last together.
    """

    def __init__(self, farthest: int = 32):
        super().__init__()
        if farthest < 1:
            raise ValueError(f"farthest={farthest} must be at least 1")
        self.farthest = farthest

    def keys(self, inputs: GraphBatch) -> list[Tensor]:
        return [distances(inputs, self.farthest)]


def distances(inputs: GraphBatch, farthest: int) -> Tensor:
    """(N,) int64 edges between each node and its graph's best linked one, farthest + 1 where there are more or no way."""
    graphs, edges = inputs.graphs, inputs.edges
    order = by_keys([graphs.example, *walks(edges)])
    ends = [end - 1 for n, end in zip(graphs.lengths, accumulate(graphs.lengths), strict=True) if n]
    best = order[torch.tensor(ends, dtype=torch.long).to(order.device, non_blocking=True)]  # the last of each graph
    distance = edges.offsets.new_full((inputs.num_nodes,), farthest + 1)
    distance[best] = 0
    for _ in range(farthest):
        distance = distance.scatter_reduce(0, edges.targets, distance[edges.sources] + 1, "amin")
    return distance.clamp(max=farthest + 1)
