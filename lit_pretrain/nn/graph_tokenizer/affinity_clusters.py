"""One sequence a node, of the clusters around it. Legend: N nodes, E edges, P linked pairs of nodes, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.nn.graph_tokenizer.base import GraphTokenizer, GraphTokens
from lit_pretrain.nn.graph_tokenizer.hops import path_tokens
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.types import Edges, GraphBatch


class AffinityClusters(GraphTokenizer):
    """Tokens of a node: the graph, its clusters from the largest to the smallest, and the node (the tree of GSM++).

    Hierarchical affinity clustering (Bateni et al., NeurIPS 2017): each node is a cluster, and in each round each cluster
    merges with the one to which its strongest edge leads, so that a round leaves at most half of those that have edges
    outwards. An edge is the stronger, the more similar (by cosine) the vectors of its nodes are. A token is the mean over
    its nodes; gradients pass the means and not the choice of clusters.

    Args:
        levels: rounds, each of them a token.
    """

    def __init__(self, levels: int = 4):
        super().__init__()
        if levels < 1:
            raise ValueError(f"levels={levels} must be at least 1")
        self.levels = levels

    def forward(self, x: Tensor, inputs: GraphBatch) -> GraphTokens:
        tokens = [x]
        for cluster in clusters(x.detach(), inputs.edges, self.levels):
            sums = torch.zeros_like(x, dtype=torch.float32).index_add(0, cluster, x.float())
            counts = sums.new_zeros(len(x)).index_add(0, cluster, sums.new_ones(len(x)))
            tokens.append((sums / counts.clamp(min=1)[:, None])[cluster].to(x.dtype))
        tokens.append(Mean()(x, inputs.graphs)[inputs.graphs.example])
        return path_tokens(tokens[::-1])


def clusters(x: Tensor, edges: Edges, levels: int) -> list[Tensor]:
    """Levels x (N,) int64: the lowest node of each node's cluster, after each round."""
    nodes = torch.arange(len(x), device=x.device)
    strength, ends = ranked(x, edges)
    cluster, found = nodes, []
    for _ in range(levels):
        sources, targets = cluster[edges.sources], cluster[edges.targets]
        outwards = torch.where(sources != targets, strength, -1)
        best = torch.full_like(nodes, -1)
        for mine in (sources, targets):  # an edge that has no reverse counts for both of its ends
            best = best.scatter_reduce(0, mine, outwards, "amax")
        one, two = (cluster[end[best.clamp(min=0)]] for end in ends)
        other = torch.where(best < 0, nodes, torch.where(one == nodes, two, one))
        # No two pairs are equally strong, so that the only circles are two clusters that choose each other.
        goal = torch.where((other[other] == nodes) & (nodes < other), nodes, other)
        for _ in range(len(x).bit_length()):
            goal = goal[goal]
        cluster = goal[cluster]
        lowest = torch.full_like(nodes, len(x)).scatter_reduce(0, cluster, nodes, "amin")
        cluster = lowest[cluster]
        found.append(cluster)
    return found


def ranked(x: Tensor, edges: Edges) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """(E,) the place of each edge's pair of nodes among all pairs by rising similarity; and (E + 1,) twice, of which entry
    r is one and the other node of the pair at place r."""
    one, two = torch.minimum(edges.sources, edges.targets), torch.maximum(edges.sources, edges.targets)
    unit = F.normalize(x.float(), dim=1)
    similar = (unit[one] * unit[two]).sum(1)
    key = one * len(x) + two
    order = torch.argsort(key, stable=True)
    order = order[torch.argsort(similar[order], stable=True)]  # an edge and its reverse come together
    new = torch.cat([key.new_ones(min(1, len(key)), dtype=torch.bool), key[order][1:] != key[order][:-1]])
    rank = torch.empty_like(key).scatter_(0, order, new.cumsum(0) - 1)
    return rank, tuple(key.new_zeros(len(key) + 1).scatter_(0, rank, end) for end in (one, two))
