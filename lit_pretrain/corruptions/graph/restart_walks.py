"""The surroundings of nodes as random walks find them. Legend: R roots, T steps, n nodes of all ego nets."""

import torch
from torch import Tensor

from lit_pretrain.corruptions.graph.base import chance
from lit_pretrain.corruptions.graph.subgraphs import subgraphs
from lit_pretrain.part import Recorded
from lit_pretrain.types import Edges, EgoBatch, GraphBatch


class RestartWalks(Recorded):
    """Random walks with restart (ICDM 2006, Tong et al.; the augmentation of GCC, arXiv 2006.09963).

    A walk is at its root at first. At each step it moves to a random neighbour, from the root with chance `restart` and
    otherwise from where it is. The nodes that it met, at most T + 1, and all edges between them are the root's ego net.

    Args:
        restart: 0.8 in GCC.
        steps: T; 64 at least in GCC, and more for roots of many neighbours.
    """

    def __init__(self, restart: float = 0.8, steps: int = 64):
        if steps < 1:
            raise ValueError(f"steps={steps} must be at least 1")
        self.restart, self.steps = chance("restart", restart), steps

    def __call__(self, batch: GraphBatch, roots: Tensor, generator: torch.Generator) -> EgoBatch:
        """One ego net of each root (R,), in their order; a root may be named twice."""
        met = torch.stack([roots, *self._walk(batch.edges, roots, generator)], 1)  # (R, T + 1)
        first = torch.arange(len(roots), device=roots.device) * batch.num_nodes
        keys = (first[:, None] + met).unique()  # (n,)
        owner, node = keys // batch.num_nodes, keys % batch.num_nodes
        bare = GraphBatch(batch.features[:, :0], batch.edges, batch.lengths)
        return EgoBatch.of(subgraphs(bare, owner, node, len(roots)), node == roots[owner])

    def _walk(self, edges: Edges, roots: Tensor, generator: torch.Generator) -> list[Tensor]:
        """T of (R,)."""
        now, found = roots, []
        draws = torch.rand(self.steps, 2, len(roots), device=roots.device, generator=generator)
        for again, step in draws if len(edges) else ():
            now = torch.where(again < self.restart, roots, now)
            degree = edges.degrees[now]
            place = (edges.offsets[now] + (step * degree).long()).clamp(max=len(edges) - 1)
            now = torch.where(degree > 0, edges.sources[place], now)  # a node without edges stays where it is
            found.append(now)
        return found
