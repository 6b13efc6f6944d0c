"""How far two nodes are from each other. Legend: N nodes, D width, M nodes that pairs start from, C classes."""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses, View, differences, of_both_ends, own_nodes, relative_nll
from lit_pretrain.nn.graph_task.structure import hops
from lit_pretrain.types import GraphBatch


class PairwiseDistance(GraphTask):
    """PairwiseDistance (arXiv 2006.10141): are two nodes one, two, three, or more edges apart?

    M nodes are drawn, and for each of them one node at every distance, so that classes are balanced where a graph has them;
    a linear map of |h_a - h_b| tells. The last class is C edges or more, or no way at all.

    Args:
        dim: D.
        classes: C; 4 in the paper.
        starts: M, or all nodes if they are fewer.
    """

    def __init__(self, dim: int, classes: int = 4, starts: int = 64):
        super().__init__()
        if classes < 2 or starts < 1:
            raise ValueError(f"classes={classes} must be at least 2 and starts={starts} at least 1")
        self.classes, self.starts, self.head = classes, starts, nn.Linear(dim, classes)

    def loss(self, nodes: Tensor, batch: GraphBatch, view: View, generator: torch.Generator) -> NodeLosses:
        pairs, distance, asked = self.pairs(batch, generator)
        losses = relative_nll(self.head(differences(nodes, pairs)), distance - 1, asked)
        return of_both_ends(losses, asked, pairs, len(nodes))

    def pairs(self, batch: GraphBatch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(2, C M) pairs, (C M,) int64 1 to C how far they are apart, and (C M,) bool: there is such a node."""
        own, graph = own_nodes(batch), batch.graphs.example
        start = own[torch.randperm(len(own), device=own.device, generator=generator)[: self.starts]]  # (M,)
        at = torch.arange(batch.num_nodes, device=own.device)[:, None] == start
        distance = hops(batch.edges, at, self.classes).masked_fill(graph[:, None] != graph[start], 0)  # (N, M)
        draws = torch.rand(distance.shape, device=own.device, generator=generator)
        found = [torch.where(distance == c, draws, -1.0).max(0) for c in range(1, self.classes + 1)]
        other, asked = torch.cat([f.indices for f in found]), torch.cat([f.values for f in found]) >= 0
        wanted = torch.arange(1, self.classes + 1, device=own.device).repeat_interleave(len(start))
        return torch.stack([start.repeat(self.classes), other]), wanted, asked
