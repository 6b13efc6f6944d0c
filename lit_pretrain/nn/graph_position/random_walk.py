"""Chances to be back after a random walk (RWSE, arXiv 2110.07875). Legend: N nodes, K steps."""

import torch
from torch import Tensor

from lit_pretrain.nn.graph_position.dense import LIMIT, diagonal
from lit_pretrain.nn.graph_position.fixed import FixedPosition
from lit_pretrain.types import Edges, GraphBatch

LARGEST_DENSE = 1024  # nodes of a graph, beyond which sparse products are faster


class RandomWalk(FixedPosition):
    """[(A D^-1)^k]_ii for k = 1 ... K: how likely a walker from node i is at i after k steps.

    Edges are taken both ways, and a walker at a node without edges stays. Large graphs are walked with
    sparse products, from some of the nodes at a time.

    Args:
        steps: K, the width.
    """

    def __init__(self, steps: int = 16):
        super().__init__()
        if steps < 1:
            raise ValueError(f"steps={steps} must be at least 1")
        self.dim = steps

    def compute(self, inputs: GraphBatch) -> Tensor:
        largest = inputs.graphs.max_length
        if largest > LARGEST_DENSE or len(inputs.lengths) * largest**2 > LIMIT:
            return sparse_returns(inputs.edges, self.dim)
        powers = torch.arange(1, self.dim + 1, device=inputs.edges.offsets.device)
        return diagonal(inputs, lambda values: (1.0 - values)[..., None] ** powers)


def sparse_returns(edges: Edges, steps: int, numbers: int = 2**25) -> Tensor:
    """(N, K) float32 chances to be back after 1 ... K steps, by sparse products.

    Args:
        edges: of any graphs.
        steps: K.
        numbers: of walkers times nodes that are held at once.
    """
    both = torch.cat([edges.index, edges.index.flip(0)], 1)
    n, device = edges.num_nodes, both.device
    adjacency = torch.sparse_coo_tensor(both, torch.ones(both.shape[1], device=device), (n, n), check_invariants=False)
    adjacency = adjacency.coalesce()
    sources = adjacency.indices()[1]
    degree = torch.bincount(sources, minlength=n)
    walk = torch.sparse_coo_tensor(adjacency.indices(), 1.0 / degree[sources], (n, n), check_invariants=False,
                                   is_coalesced=True)  # fmt: skip
    returns = torch.empty(n, steps, device=device)
    for start in torch.arange(n).split(max(1, numbers // max(1, n))):
        columns = torch.arange(len(start), device=device)
        rows = start.to(device)
        chances = torch.zeros(n, len(start), device=device)  # of each node, for a walker from each of these
        chances[rows, columns] = 1.0
        for step in range(steps):
            chances = walk @ chances
            returns[rows, step] = chances[rows, columns]
    returns[degree == 0] = 1.0
    return returns
