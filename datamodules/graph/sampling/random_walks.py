"""The nodes that random walks pass, with all edges between them (GraphSAINT, arXiv 1907.04931)."""

import numpy as np
import torch
from torch import Tensor

from lit_pretrain.datamodules.draws import Draws, fold
from lit_pretrain.datamodules.graph.graphs import NodeGraph, ranges, starts
from lit_pretrain.datamodules.graph.sampling.base import Sampling
from lit_pretrain.datamodules.graph.sampling.numbering import Numbering
from lit_pretrain.types import Edges, GraphBatch


class RandomWalks(Sampling):
    """Walks of `length` steps against the edges, from each of `roots` nodes; every node that one passes is an example.

    For objectives that look at a connected part of the graph, such as those that mask nodes or compare views.

    Args:
        roots: of a batch.
        length: steps of a walk.
    """

    def __init__(self, roots: int = 512, length: int = 4):
        if roots < 1 or length < 1:
            raise ValueError(f"roots={roots} and length={length} must be positive")
        self.roots, self.length = roots, length
        self._numbering: Numbering | None = None  # made once, since it is as long as the graph

    def plan(self, nodes: np.ndarray, shuffle: bool) -> list[np.ndarray]:
        return [nodes[k : k + self.roots] for k in range(0, len(nodes), self.roots)]

    def batch(self, graph: NodeGraph, nodes: Tensor, seed: Tensor) -> GraphBatch:
        self._numbering = number = Numbering.of(graph.num_nodes, self._numbering)
        number.begin(nodes.numpy())
        offsets, sources, now, draws = graph.edges.offsets, graph.edges.sources, nodes, Draws(fold(seed, nodes))
        for _ in range(self.length):
            begin = offsets[now]
            degree = offsets[now + 1] - begin
            step = (draws.uniform(1)[:, 0].double() * degree).long()
            moves = degree > 0  # a node without edges stays where it is
            now = now.index_put((moves,), sources[(begin + step)[moves]])
            number.add(now.numpy())
        edges, places = induced(graph.edges, number)
        return graph.part(torch.from_numpy(number.nodes), edges, places, torch.arange(len(number.nodes)))


def induced(edges: Edges, number: Numbering) -> tuple[Edges, Tensor]:
    """The edges between the nodes of a list (n,), numbered as these are, and their places in `edges`."""
    offsets = edges.offsets.numpy()
    begin = offsets[number.nodes]
    counts = offsets[number.nodes + 1] - begin
    place = ranges(begin, counts)
    source, target = edges.sources.numpy()[place], np.repeat(np.arange(len(counts)), counts)
    inside = number.has(source)
    place, source, target = place[inside], number(source[inside]), target[inside]
    order = np.argsort(target * len(counts) + source)
    counts = np.bincount(target, minlength=len(counts))
    return Edges(torch.from_numpy(starts(counts)), torch.from_numpy(source[order])), torch.from_numpy(place[order])
