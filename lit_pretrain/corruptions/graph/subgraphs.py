"""Many parts of graphs as graphs of their own. Legend: R parts, N nodes of the batch, n nodes of all parts, E edges."""

import torch
from torch import Tensor

from lit_pretrain.types import Edges, GraphBatch


def draw_roots(batch: GraphBatch, most: int | None, generator: torch.Generator) -> Tensor:
    """(R,) int64 nodes: of many graphs a random one of each, otherwise the examples.

    Args:
        batch: graphs.
        most: of more than so many, a random part is taken; None: all are.
        generator: on the batch's device.
    """
    device = batch.features.device
    roots = batch.seeds
    if roots is None:
        first, lengths = batch.graphs.offsets[:-1].long(), batch.graphs.offsets.diff()
        chance = torch.rand(len(lengths), device=device, generator=generator)
        roots = (first + (chance * lengths).long().clamp(max=lengths - 1))[lengths > 0]
    if most is None or len(roots) <= most:
        return roots
    return roots[torch.randperm(len(roots), device=device, generator=generator)[:most]]


def incoming(edges: Edges, nodes: Tensor) -> tuple[Tensor, Tensor]:
    """The edges that lead to nodes (n,), of which one may be named twice: which of the n each leads to, and its place in
    `edges`, each (E,) int64."""
    counts = edges.degrees[nodes]
    row = torch.repeat_interleave(torch.arange(len(nodes), device=nodes.device), counts)
    place = torch.arange(len(row), device=nodes.device) - (counts.cumsum(0) - counts)[row] + edges.offsets[nodes][row]
    return row, place


def subgraphs(batch: GraphBatch, owner: Tensor, node: Tensor, parts: int) -> GraphBatch:
    """The nodes of each part and all edges between them, with their features. Parts may share nodes.

    Args:
        batch: where they come from.
        owner: (n,) int64 the part, in rising order.
        node: (n,) int64 its nodes, in rising order in each part.
        parts: R.
    """
    keys = owner * batch.num_nodes + node
    row, place = incoming(batch.edges, node)
    wanted = owner[row] * batch.num_nodes + batch.edges.sources[place]
    number = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    inside = keys[number] == wanted
    counts = torch.bincount(row[inside], minlength=len(node))
    edges = Edges(torch.cat([counts.new_zeros(1), counts.cumsum(0)]), number[inside])
    return GraphBatch(
        batch.features[node],
        edges,
        tuple(torch.bincount(owner, minlength=parts).tolist()),
        None if batch.edge_features is None else batch.edge_features[place[inside]],
        nodes=node if batch.nodes is None else batch.nodes[node],
    )
