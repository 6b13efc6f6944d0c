"""In which order a graph's edges are told. Legend: G graphs, M undirected edges, L nodes of the largest graph."""

import torch
from torch import Tensor

from lit_pretrain.types import Layout


def shuffled(group: Tensor, generator: torch.Generator | None) -> Tensor:
    """(N,) the places of things that lie group by group, at random within each group (N,)."""
    order = torch.randperm(len(group), device=group.device, generator=generator)
    return order[torch.argsort(group[order], stable=True)]


def at_random(ends: Tensor, edges: Layout, shuffle: bool, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Edges in any order, from either end; without `shuffle` as they stand.

    Args:
        ends: (2, M) the two nodes of each edge, numbered within their graph.
        edges: whose edge is whose.
        shuffle: draw.
        generator: of the draws.

    Returns:
        (2, M) the ends in the new order, and (M,) the place that each edge had.
    """
    if not shuffle:
        return ends, torch.arange(ends.shape[1], device=ends.device)
    order = shuffled(edges.example, generator)
    turn = torch.rand(len(order), device=ends.device, generator=generator) < 0.5
    ends = ends[:, order]
    return torch.where(turn, ends.flip(0), ends), order


def by_degree(ends: Tensor, edges: Layout, size: int, shuffle: bool,
              generator: torch.Generator | None) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The order in which a graph grows, if edges are taken away from a node of least degree that still has any, the one to
    its neighbour of least degree first, and the last that was taken comes first (arXiv 2501.01073).

    An edge leads from the node that was chosen first. Nodes of equal degree are chosen at random; without `shuffle` the one
    of the lowest number is. It takes memory for G x L x L numbers, and as many passes over them as a graph has edges.

    Args:
        size: L.
        ends, edges, shuffle, generator: as in `at_random`.

    Returns:
        As `at_random`.
    """
    count, device = edges.num_examples, ends.device
    places = torch.full((count, size, size), -1, device=device)
    numbers = torch.arange(ends.shape[1], device=device)
    for source, target in (ends, ends.flip(0)):
        places[edges.example, source, target] = numbers
    left, graphs, steps = places >= 0, torch.arange(count, device=device), edges.max_length
    taken = torch.zeros(3, count, steps, dtype=torch.long, device=device)
    ties = torch.arange(size, device=device).expand(count, size)
    for step in range(steps):
        if shuffle:
            ties = torch.rand(count, size, device=device, generator=generator).argsort(1)
        degrees = left.sum(2)
        ranks = degrees * size + ties  # (G, L), no two alike in a graph
        source = ranks.masked_fill(degrees == 0, size * size + size).argmin(1)  # (G,)
        target = ranks.masked_fill(~left[graphs, source], size * size + size).argmin(1)
        taken[:, :, step] = torch.stack([source, target, places[graphs, source, target]])
        left[graphs, source, target] = False
        left[graphs, target, source] = False
    ends_of_all, lengths = taken.flip(2), edges.offsets.diff()
    told = torch.arange(steps, device=device) >= steps - lengths[:, None]  # (G, L): a graph with fewer edges ended sooner
    found = ends_of_all[:, told]
    return found[:2], found[2]
