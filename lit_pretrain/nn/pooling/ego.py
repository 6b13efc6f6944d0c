"""The sum over what lies around each node. Legend: N nodes, D width."""

import torch
from torch import Tensor

from lit_pretrain.nn.graph_position.dense import once
from lit_pretrain.part import Part
from lit_pretrain.types import Edges


class EgoSum(Part):
    """(N, D) -> (N, D): the sum over a node and all nodes from which it is reached in a few steps, each once. In fp32.

    Args:
        hops: steps; 1: the node and its neighbours.
    """

    def __init__(self, hops: int = 1):
        super().__init__()
        if hops < 1:
            raise ValueError(f"hops={hops} must be at least 1")
        self.hops = hops

    def forward(self, nodes: Tensor, edges: Edges) -> Tensor:
        near = edges if self.hops == 1 else once(edges, ("within", self.hops), lambda: within(edges, self.hops))
        with torch.autocast(nodes.device.type, enabled=False):
            return (nodes.float() + near.matrix @ nodes.float()).to(nodes.dtype)


def within(edges: Edges, hops: int) -> Edges:
    """To each node from all others from which so many edges, or fewer, lead to it."""
    nodes = torch.arange(edges.num_nodes, device=edges.offsets.device)
    step = torch.stack([torch.cat([edges.targets, nodes]), torch.cat([edges.sources, nodes])])  # and staying where one is
    size = (edges.num_nodes,) * 2
    one = torch.sparse_coo_tensor(step, torch.ones(step.shape[1], device=nodes.device), size, check_invariants=False)
    found = one
    for _ in range(hops - 1):
        found = torch.sparse.mm(found, one)
    targets, sources = found.coalesce().indices()
    other = targets != sources
    return Edges.of(torch.stack([sources[other], targets[other]]), edges.num_nodes)[0]
