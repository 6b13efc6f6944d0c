"""What the edges say of a node. Legend: N nodes, D width, K properties."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from lit_pretrain.kernels.gather import moments_over_ranks
from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses, View, relative_error
from lit_pretrain.nn.graph_task.structure import clustering, page_rank
from lit_pretrain.types import Edges, GraphBatch

Property = Literal["degree", "clustering", "page_rank"]
FOUND = {
    "degree": lambda edges: edges.degrees.float().log1p(),
    "clustering": clustering,
    "page_rank": lambda edges: page_rank(edges).log(),
}


class NodeProperty(GraphTask):
    """NodeProperty (arXiv 2006.10141): a node's degree, the clustering of its neighbours, its centrality.

    A linear map of the encoder's vector gives log(1 + degree), the clustering coefficient and log PageRank, each with the
    mean 0 and the variance 1 over the batch. The paper takes one of them, the degree as a rule.

    Args:
        dim: D.
        properties: which of them.
    """

    def __init__(self, dim: int, properties: Sequence[Property] = ("degree", "clustering", "page_rank")):
        super().__init__()
        if not properties or not set(properties) <= FOUND.keys():
            raise ValueError(f"properties={list(properties)}: give some of {', '.join(FOUND)}")
        self.properties, self.head = tuple(properties), nn.Linear(dim, len(properties))

    def loss(self, nodes: Tensor, batch: GraphBatch, view: View, generator: torch.Generator) -> NodeLosses:
        losses = relative_error(self.head(nodes), self.targets(batch.edges))
        return NodeLosses(losses, torch.ones_like(losses))

    def targets(self, edges: Edges) -> Tensor:
        """(N, K) float32."""
        found = torch.stack([FOUND[name](edges) for name in self.properties], 1)
        mean, variance = moments_over_ranks(found)
        return (found - mean) / torch.where(variance > 1e-6, variance.sqrt(), 1.0)
