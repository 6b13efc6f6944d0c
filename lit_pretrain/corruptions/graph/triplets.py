"""Nodes, each with one that it is linked with and some that it is not.

Legend: U units, M unlinked nodes of each, N nodes, E edges.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from lit_pretrain.types import GraphBatch


class Triplets(NamedTuple):
    """
    Args:
        node: (U,) int64, the units of a batch.
        linked: (U,) int64, a source of an edge that leads to it, each with equal chances.
        unlinked: (U, M) int64 other nodes of its graph from which no edge leads to it, drawn with equal chances, with
            replacement.
        found: (U,) bool; false where all or none of the others are linked with the node, so that the numbers mean nothing.
    """

    node: Tensor
    linked: Tensor
    unlinked: Tensor
    found: Tensor


def triplets(batch: GraphBatch, unlinked: int, generator: torch.Generator) -> Triplets:
    """Without rejection, so that nodes with few unlinked ones are served as all others.

    Args:
        batch: without self loops.
        unlinked: M.
        generator: on the batch's device.
    """
    edges, graphs, device = batch.edges, batch.graphs, batch.features.device
    node = batch.of_units(torch.arange(batch.num_nodes, device=device))
    begin = graphs.offsets.long()[graphs.example[node]]  # (U,) of its graph
    degree = edges.degrees[node]
    free = graphs.offsets.long().diff()[graphs.example[node]] - 1 - degree
    draws = torch.rand(len(node), 1 + unlinked, device=device, generator=generator, dtype=torch.float64)
    place = edges.offsets[node] + (draws[:, 0] * degree).long()
    linked = edges.sources[place.clamp(max=len(edges) - 1)] if len(edges) else node
    rank = (draws[:, 1:] * free[:, None]).long()  # (U, M)
    found = (degree > 0) & (free > 0)
    apart = begin[:, None] + _free_at(batch, node, rank)
    return Triplets(node, linked, apart.where(found[:, None], node[:, None]), found)


def _free_at(batch: GraphBatch, node: Tensor, rank: Tensor) -> Tensor:
    """(U, M) the place in its graph of number `rank` (U, M) of the nodes that are neither the node nor linked with it.

    If e_0 < e_1 < ... are the others, number r is r plus how many i have e_i - i <= r.
    """
    edges, graphs, nodes = batch.edges, batch.graphs, batch.num_nodes
    itself = torch.arange(nodes, device=node.device)
    taken = torch.cat([edges.targets * nodes + edges.sources, itself * nodes + itself]).sort().values  # (E + N,)
    row, first = taken // nodes, edges.offsets[:-1] + itself  # of each node, where its own begin
    before = torch.arange(len(taken), device=node.device) - first[row]
    gaps = taken % nodes - graphs.offsets.long()[graphs.example[row]] - before  # never falling in a row
    asked = node[:, None] * (nodes + 1) + rank
    return rank + torch.searchsorted(row * (nodes + 1) + gaps, asked, right=True) - first[node][:, None]
