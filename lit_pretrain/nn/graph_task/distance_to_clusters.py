"""How far clusters of the graph are. Legend: N nodes, D width, K clusters."""

import torch
from torch import Tensor, nn

from lit_pretrain.kernels.gather import moments_over_ranks
from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses, View, relative_error
from lit_pretrain.nn.graph_task.structure import centre_distances
from lit_pretrain.types import GraphBatch


class DistanceToClusters(GraphTask):
    """Distance2Cluster (arXiv 2006.10141): how many edges lie between a node and the centre of each of K clusters?

    The centre is the node of highest degree. The paper's clusters are METIS's; here they are what is nearest to K seeds that
    lie far apart (see `structure.centre_distances`), which needs no further package, is the same in every run, and gives
    each graph of a batch K clusters of its own. Of equal nodes it takes the first, so numbering can decide.

    Args:
        dim: D.
        clusters: K; 10 on Cora in the published code.
        limit: for nodes that are as many edges away, or more, or out of reach.
    """

    def __init__(self, dim: int, clusters: int = 10, limit: int = 10):
        super().__init__()
        if clusters < 1 or limit < 2:
            raise ValueError(f"clusters={clusters} must be at least 1 and limit={limit} at least 2")
        self.clusters, self.limit, self.head = clusters, limit, nn.Linear(dim, clusters)

    def loss(self, nodes: Tensor, batch: GraphBatch, view: View, generator: torch.Generator) -> NodeLosses:
        distances = centre_distances(batch.edges, batch.graphs, self.clusters, self.limit).float()
        mean = moments_over_ranks(distances)[0]
        losses = relative_error(self.head(nodes), distances - mean)  # zeros are where heads start
        return NodeLosses(losses, torch.ones_like(losses))
