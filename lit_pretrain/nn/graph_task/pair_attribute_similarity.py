"""How alike the features of two nodes are. Legend: N nodes, D width, M nodes that pairs start from, K pairs of each."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses, View, differences, of_both_ends, own_nodes, relative_error
from lit_pretrain.types import GraphBatch


class PairAttributeSimilarity(GraphTask):
    """PairwiseAttrSim (arXiv 2006.10141): how alike are the features of two nodes, which the encoder sees?

    M nodes are drawn, each with the K nodes of its graph that are most like it and the K least like it; a linear map of
    |h_a - h_b| gives the cosine of their features, or the share of equal categories.

    Args:
        dim: D.
        nearest: K.
        starts: M, or all nodes if they are fewer.
    """

    def __init__(self, dim: int, nearest: int = 3, starts: int = 128):
        super().__init__()
        if nearest < 1 or starts < 1:
            raise ValueError(f"nearest={nearest} and starts={starts} must be at least 1")
        self.nearest, self.starts, self.head = nearest, starts, nn.Linear(dim, 1)

    def loss(self, nodes: Tensor, batch: GraphBatch, view: View, generator: torch.Generator) -> NodeLosses:
        pairs, similarity, asked = self.pairs(batch, generator)
        losses = relative_error(self.head(differences(nodes, pairs)), similarity[:, None])
        return of_both_ends(losses, asked, pairs, len(nodes))

    def pairs(self, batch: GraphBatch, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """(2, 2 K M) pairs, (2 K M,) how alike they are, and (2 K M,) bool: the graph has so many other nodes."""
        own, graph = own_nodes(batch), batch.graphs.example
        start = own[torch.randperm(len(own), device=own.device, generator=generator)[: self.starts]]  # (M,)
        found = likeness(batch.features[start], batch.features)  # (M, N)
        others = (graph[start, None] == graph) & (start[:, None] != torch.arange(len(graph), device=own.device))
        k = min(self.nearest, len(graph))
        noise = 1e-4 * torch.rand(found.shape, device=own.device, generator=generator)  # of equals, any
        chosen = [torch.where(others, sign * found + noise, -torch.inf).topk(k, 1).indices for sign in (1, -1)]
        other = torch.cat(chosen, 1)  # (M, 2 K)
        flat = torch.stack([start[:, None].expand_as(other), other]).flatten(1)
        return flat, found.gather(1, other).flatten(), others.gather(1, other).flatten()


def likeness(some: Tensor, features: Tensor) -> Tensor:
    """(M, F), (N, F) -> (M, N) float32 between -1 and 1."""
    if features.is_floating_point():
        with torch.autocast(features.device.type, enabled=False):
            return F.normalize(some.float(), dim=1) @ F.normalize(features.float(), dim=1).T
    columns = zip(some.T, features.T, strict=True)
    return sum((a[:, None] == b).float() for a, b in columns) / features.shape[1]
