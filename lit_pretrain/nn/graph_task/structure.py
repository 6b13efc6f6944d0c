"""What the edges of a graph say of its nodes, computed once as long as the edges are the same.

Legend: N nodes of all graphs, E directed edges, G graphs, K sets of nodes.
"""

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from lit_pretrain.nn.graph_position.dense import once
from lit_pretrain.types import Edges, Layout


def hops(edges: Edges, start: Tensor, limit: int) -> Tensor:
    """Breadth-first search from K sets of nodes at once.

    Args:
        edges: are followed from source to target.
        start: (N, K) bool.
        limit: for nodes that are as far away, farther, or out of reach.

    Returns:
        (N, K) int64.
    """
    with torch.autocast(start.device.type, enabled=False):
        reached, found = start.float(), torch.where(start, 0, limit)
        for step in range(1, limit):
            new = (edges.matrix @ reached > 0) & (reached == 0)
            found, reached = torch.where(new, step, found), reached + new
    return found


def clustering(edges: Edges) -> Tensor:
    """(N,) float32: the share of pairs of a node's neighbours that are linked; 0 where there is no pair."""
    return once(edges, "clustering", lambda: _clustering(edges))


def _clustering(edges: Edges) -> Tensor:
    both = _both_ways(edges)
    degree = both.sum(1)
    linked = (both @ both).multiply(both).sum(1)  # ordered pairs
    return torch.from_numpy(linked / np.maximum(degree * (degree - 1), 1)).float().to(edges.offsets.device)


def page_rank(edges: Edges, damping: float = 0.85, steps: int = 64) -> Tensor:
    """(N,) float32, 1 on average in each graph; walkers at a node that leads nowhere stay there."""

    def compute() -> Tensor:
        out = torch.bincount(edges.sources, minlength=edges.num_nodes)[:, None]
        ranks = torch.ones(edges.num_nodes, 1, device=out.device)
        with torch.autocast(out.device.type, enabled=False):
            for _ in range(steps):
                moved = edges.matrix @ (ranks / out.clamp(min=1))
                ranks = 1 - damping + damping * torch.where(out > 0, moved, moved + ranks)
        return ranks[:, 0]

    return once(edges, ("page_rank", damping, steps), compute)


def within_two_hops(edges: Edges) -> Edges:
    """From each node to those that one or two edges lead to, each once and never itself."""
    return once(edges, "within_two_hops", lambda: _within_two_hops(edges))


def _within_two_hops(edges: Edges) -> Edges:
    one = csr_array(_arrays(edges), shape=(edges.num_nodes,) * 2)
    near = (one + one @ one).tocoo()
    index = np.stack([near.col, near.row])[:, near.col != near.row].astype(np.int64)
    return Edges.of(torch.from_numpy(index).to(edges.offsets.device), edges.num_nodes)[0]


def undirected(edges: Edges) -> tuple[Tensor, Tensor]:
    """(2, P) the pairs of nodes with an edge one way or both, and (E,) the pair of each edge."""

    def compute() -> tuple[Tensor, Tensor]:
        low, high = edges.index.amin(0), edges.index.amax(0)
        pairs, pair = (low * edges.num_nodes + high).unique(return_inverse=True)
        return torch.stack([pairs // edges.num_nodes, pairs % edges.num_nodes]), pair

    return once(edges, "undirected", compute)


def linked(edges: Edges, pairs: Tensor) -> Tensor:
    """(2, ...) -> (...) bool: whether an edge, either way, joins two nodes."""
    low, high = undirected(edges)[0]
    known = low * edges.num_nodes + high  # sorted
    asked = torch.minimum(*pairs) * edges.num_nodes + torch.maximum(*pairs)
    place = torch.searchsorted(known, asked).clamp(max=max(0, len(known) - 1))
    return known[place] == asked if len(known) else torch.zeros_like(asked, dtype=torch.bool)


def centre_distances(edges: Edges, graphs: Layout, clusters: int, limit: int) -> Tensor:
    """(N, K) int64: how far the centres of K clusters of its graph are from a node.

    The first seed of a graph is its node of highest degree, each further one is the node farthest from all before. A cluster
    holds what is nearest to its seed, and its centre is its node of highest degree. Of equal nodes the first is taken.
    """
    return once(edges, ("centres", graphs.lengths, clusters, limit), lambda: _centres(edges, graphs, clusters, limit))


def _centres(edges: Edges, graphs: Layout, clusters: int, limit: int) -> Tensor:
    best = edges.degrees + 1  # above all degrees of nodes that are out of question
    seeds, nearest = [], torch.full((edges.num_nodes,), limit, device=best.device)
    for _ in range(clusters):
        # By distance first, then by degree.
        seeds.append(_highest(nearest * (edges.num_nodes + 1) + best, graphs))
        nearest = torch.minimum(nearest, hops(edges, seeds[-1][:, None], limit)[:, 0])
    cluster = hops(edges, torch.stack(seeds, 1), limit).argmin(1)
    centres = [_highest(torch.where(cluster == k, best, 0), graphs) for k in range(clusters)]
    return hops(edges, torch.stack(centres, 1), limit)


def _highest(values: Tensor, graphs: Layout) -> Tensor:
    """(N,) int64 -> (N,) bool, true at the first of the highest nodes of each graph."""
    n = len(values)
    keys = values * n + torch.arange(n - 1, -1, -1, device=values.device)
    top = keys.new_full((graphs.num_examples,), -1).scatter_reduce(0, graphs.example, keys, "amax")
    return keys == top[graphs.example]


def _arrays(edges: Edges) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.ones(len(edges), np.float32), edges.sources.cpu().numpy(), edges.offsets.cpu().numpy()


def _both_ways(edges: Edges) -> csr_array:
    one = csr_array(_arrays(edges), shape=(edges.num_nodes,) * 2)
    return ((one + one.T) > 0).astype(np.float32)
