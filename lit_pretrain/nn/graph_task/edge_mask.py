"""Edges that were left out, told from pairs without an edge. Legend: N nodes, D width, P pairs with an edge, M of them."""

import math

import torch
from torch import Tensor, nn

from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses, View, differences, of_both_ends, own_nodes, relative_nll
from lit_pretrain.nn.graph_task.structure import linked, undirected
from lit_pretrain.types import GraphBatch

DRAWS = 4  # of a pair without an edge, until there is one


class EdgeMask(GraphTask):
    """EdgeMask (arXiv 2006.10141): a share of the edges is left out; which pairs are those, and which have no edge?

    As many pairs without an edge are drawn, both nodes from one graph. p(edge) = sigmoid(w |h_a - h_b| + b).

    Args:
        dim: D.
        ratio: share of the edges that is left out; 0.1 in the published code.
    """

    def __init__(self, dim: int, ratio: float = 0.1):
        super().__init__()
        if not 0 < ratio < 1:
            raise ValueError(f"ratio={ratio}: the share of edges that is left out must lie between 0 and 1")
        self.ratio, self.head = ratio, nn.Linear(dim, 2)

    def corrupt(self, batch: GraphBatch, generator: torch.Generator) -> View:
        graph = batch.whole()
        pairs, pair = undirected(graph.edges)  # (2, P), (E,)
        order = torch.randperm(pairs.shape[1], device=pairs.device, generator=generator)
        chosen = order[: math.ceil(self.ratio * len(order))]
        dropped = torch.zeros_like(order, dtype=torch.bool).index_fill(0, chosen, True)
        return View(graph.without_edges(dropped[pair]), dropped=pairs[:, chosen])

    def loss(self, nodes: Tensor, batch: GraphBatch, view: View, generator: torch.Generator) -> NodeLosses:
        real = view.dropped  # (2, M)
        false, found = self.no_edges(batch, real.shape[1], generator)
        pairs, asked = torch.cat([real, false], 1), torch.cat([torch.ones_like(found), found])
        truth = torch.arange(2, device=real.device).repeat_interleave(real.shape[1]) == 0
        losses = relative_nll(self.head(differences(nodes, pairs)), truth.long(), asked)
        return of_both_ends(losses, asked, pairs, len(nodes))

    def no_edges(self, batch: GraphBatch, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(2, M) pairs of a graph's nodes, and (M,) bool: there is no edge between them, and they are two."""
        own, graphs = own_nodes(batch), batch.graphs
        first = own[torch.randint(len(own), (DRAWS, count), device=own.device, generator=generator)]
        graph = graphs.example[first]
        place = torch.rand(first.shape, device=own.device, generator=generator) * graphs.offsets.diff()[graph]
        second = (graphs.offsets[graph] + place.long()).clamp(max=batch.num_nodes - 1)
        pairs = torch.stack([first, second])  # (2, DRAWS, M)
        free = (first != second) & ~linked(batch.edges, pairs)
        pick = free.float().argmax(0)[None]  # the first that will do
        return pairs.gather(1, pick.expand(2, -1)[:, None])[:, 0], free.any(0)
