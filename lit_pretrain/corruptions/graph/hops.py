"""How far nodes are from roots. Legend: R roots, N nodes of the batch, n pairs of a root and a node near it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lit_pretrain.corruptions.graph.subgraphs import incoming
from lit_pretrain.types import Edges


@dataclass(frozen=True)
class Hops:
    """The nodes near each root, root after root and in rising order.

    Args:
        owner: (n,) int64 the number of the root.
        node: (n,) int64.
        distance: (n,) int64 edges of the shortest path from the node to the root, 0 for the root itself.
        num_roots: R.
    """

    owner: Tensor
    node: Tensor
    distance: Tensor
    num_roots: int

    @classmethod
    def of(cls, edges: Edges, roots: Tensor, most: int) -> "Hops":
        """
        Args:
            edges: a root is reached along their direction, as messages reach it.
            roots: (R,) int64.
            most: the largest distance.
        """
        owner = torch.arange(len(roots), device=roots.device)
        frontier = known = owner * edges.num_nodes + roots
        distances = [torch.zeros_like(known)]
        for distance in range(1, most + 1):
            row, place = incoming(edges, frontier % edges.num_nodes)
            met = (frontier[row] // edges.num_nodes * edges.num_nodes + edges.sources[place]).unique()
            frontier = met[~torch.isin(met, known)]
            known = torch.cat([known, frontier])
            distances.append(torch.full_like(frontier, distance))
        keys, order = known.sort()
        return cls(keys // edges.num_nodes, keys % edges.num_nodes, torch.cat(distances)[order], len(roots))

    def where(self, wanted: Tensor) -> "Hops":
        """The pairs where (n,) bool is true."""
        return Hops(self.owner[wanted], self.node[wanted], self.distance[wanted], self.num_roots)

    def of_roots(self, wanted: Tensor) -> "Hops":
        """The pairs of the roots where (R,) bool is true, which are numbered anew."""
        left = self.where(wanted[self.owner])
        return Hops((wanted.cumsum(0) - 1)[left.owner], left.node, left.distance, int(wanted.sum()))
