"""What a random walk meets of a graph (an augmentation of GraphCL, arXiv 2010.13902).

Legend: B walks, N nodes, T steps.
"""

import torch
from torch import Tensor

from lit_pretrain.corruptions.graph.base import GraphCorruption
from lit_pretrain.types import GraphBatch


class WalkSubgraph(GraphCorruption):
    """The nodes that a walk against the edges meets first, and all edges between them.

    In each graph one walk begins at a random node. Where nodes are the examples, one begins at each of them, and they stay.

    Args:
        share: of a graph's nodes, the most that stay, rounded up; 0.8 in GraphCL's code for Cora.
        steps: of a walk; if it meets fewer nodes by then, fewer stay.
    """

    def __init__(self, share: float = 0.8, steps: int = 64):
        if not 0 < share <= 1 or steps < 1:
            raise ValueError(f"share={share} must be above 0 and at most 1, and steps={steps} at least 1")
        self.share, self.steps = share, steps

    def __call__(self, batch: GraphBatch, generator: torch.Generator) -> GraphBatch:
        paths = self._walk(batch, generator)  # (T + 1, B)
        never = len(paths)
        times = torch.arange(never, device=paths.device)[:, None].expand_as(paths)
        met = paths.new_full((batch.num_nodes,), never).scatter_reduce(0, paths.flatten(), times.flatten(), "amin")
        graphs = batch.graphs
        order = (graphs.example * (never + 1) + met).argsort(stable=True)
        place = torch.empty_like(order).scatter(0, order, graphs.position)  # graphs keep their places in this order
        most = (graphs.offsets.diff().double() * self.share).ceil()[graphs.example]
        stays = (met < never) & ((place < most) | (met == 0))
        return batch.without_nodes(~stays)

    def _walk(self, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """(T + 1, B) nodes; a walk stays where it is if no edge leads there."""
        edges, now = batch.edges, self._starts(batch, generator)
        sources = torch.cat([edges.sources, edges.sources.new_zeros(1)])  # so that the last place, if empty, is one
        paths = [now]
        for draw in torch.rand(self.steps, len(now), device=now.device, generator=generator):
            degree = edges.degrees[now]
            step = sources[edges.offsets[now] + (draw * degree).long()]
            now = torch.where(degree > 0, step, now)
            paths.append(now)
        return torch.stack(paths)

    def _starts(self, batch: GraphBatch, generator: torch.Generator) -> Tensor:
        """(B,) where walks begin."""
        if batch.seeds is not None:
            return batch.seeds
        offsets = batch.graphs.offsets.long()
        sizes = offsets.diff()
        draws = torch.rand(len(sizes), device=sizes.device, generator=generator)
        return (offsets[:-1] + (draws * sizes).long())[sizes > 0]
