"""A few neighbours of each node, and a few of theirs (GraphSAGE, arXiv 1706.02216).

Legend: n nodes of a frontier, e edges that were drawn, S the most of a node.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lit_pretrain.datamodules.draws import fold
from lit_pretrain.datamodules.graph.graphs import NodeGraph, ranges, starts
from lit_pretrain.datamodules.graph.sampling.base import Sampling
from lit_pretrain.datamodules.graph.sampling.numbering import Numbering
from lit_pretrain.types import Edges, GraphBatch


class Neighbours(Sampling):
    """Up to sizes[0] random neighbours of each example, up to sizes[1] of each of those, and so on.

    Drawn without replacement, so the mean over the sampled neighbours is an unbiased estimate of the mean over all. In an
    epoch a node draws the same neighbours wherever it is met after as many hops. The examples come first among the nodes of
    a batch. A batch takes as long in a large graph as in a small one, and as long with many neighbours as with few.

    Args:
        sizes: of each hop, as many as the encoder has layers; 25 and 10 in the paper.
        batch_size: examples of a batch; 512 in the paper.
    """

    def __init__(self, sizes: Sequence[int] = (25, 10), batch_size: int = 512):
        if not sizes or min(sizes) < 1 or batch_size < 1:
            raise ValueError(f"sizes={list(sizes)} and batch_size={batch_size} must be positive")
        self.sizes, self.batch_size = tuple(sizes), batch_size
        self._numbering: Numbering | None = None  # made once, since it is as long as the graph

    def plan(self, nodes: np.ndarray, shuffle: bool) -> list[np.ndarray]:
        return [nodes[k : k + self.batch_size] for k in range(0, len(nodes), self.batch_size)]

    def batch(self, graph: NodeGraph, nodes: Tensor, seed: Tensor) -> GraphBatch:
        self._numbering = number = Numbering.of(graph.num_nodes, self._numbering)
        number.begin(frontier := nodes.numpy())
        sources, places, degrees = graph.edges.sources.numpy(), [], []
        for hop, size in enumerate(self.sizes):
            place, degree = sample(graph.edges, frontier, size, fold(seed, hop))
            frontier = number.add(sources[place])
            places.append(place)
            degrees.append(degree)
        # Every node but those of the last hop has drawn its neighbours once, in the order of the list.
        degree = np.concatenate([*degrees, np.zeros(len(frontier), np.int64)])
        place, target = np.concatenate(places), np.repeat(np.arange(len(degree)), degree)
        source = number(sources[place])
        order = np.argsort(target * len(degree) + source)
        edges = Edges(torch.from_numpy(starts(degree)), torch.from_numpy(source[order]))
        found = torch.from_numpy(number.nodes)
        return graph.part(found, edges, torch.from_numpy(place[order]), torch.arange(len(nodes)))


def sample(edges: Edges, nodes: np.ndarray, size: int, seed: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Up to `size` of the edges that lead to each of (n,) nodes: their places in `edges` (e,), node by node, and how many
    there are of each node (n,)."""
    offsets = edges.offsets.numpy()
    begin = offsets[nodes]
    degree = offsets[nodes + 1] - begin
    counts = np.minimum(degree, size)
    places = ranges(begin, counts)
    many = np.flatnonzero(degree > size)
    if len(many):
        chosen = choose(degree[many], size, fold(seed, torch.from_numpy(nodes[many])))
        places[starts(counts)[many][:, None] + np.arange(size)] = begin[many][:, None] + chosen
    return places, counts


def choose(counts: np.ndarray, size: int, seeds: Tensor) -> np.ndarray:
    """S different numbers below each of (n,) counts, which are larger than S, every choice with equal chances: (n, S).

    Floyd's algorithm, for all at once: what it costs does not depend on the counts.
    """
    bits = fold(seeds[:, None], torch.arange(size)).numpy() & (2**63 - 1)
    chosen = np.empty((len(counts), size), np.int64)
    for k in range(size):
        last = counts - size + k
        drawn = bits[:, k] % (last + 1)
        met = (chosen[:, :k] == drawn[:, None]).any(1)
        chosen[:, k] = np.where(met, last, drawn)
    return chosen
