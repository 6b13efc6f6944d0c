"""Relative random walk probabilities (GRIT, arXiv 2305.17589). Legend: G graphs, N nodes, P pairs, K steps."""

import weakref
from collections.abc import Callable

import torch
from torch import Tensor

from lit_pretrain.nn.graph_position.dense import Dense, once
from lit_pretrain.nn.graph_position.pair import PairPosition
from lit_pretrain.types import Edges, GraphBatch


class RRWP(PairPosition):
    """[(A D^-1)^k]_ij for k = 0 ... K - 1: how likely a walker from node j is at node i after k steps.

    Pairs have the numbers of target i and source j, nodes those of i = j. Edges are taken both ways, and a walker at a node
    without edges stays.

    Args:
        steps: K; 8 to 32 in the paper.
    """

    def __init__(self, steps: int = 8):
        super().__init__()
        if steps < 1:
            raise ValueError(f"steps={steps} must be at least 1")
        self.dim = steps

    def forward(self, inputs: GraphBatch) -> Tensor:
        def of_nodes(dense: Dense, power: Tensor) -> Tensor:
            return dense.nodes(power.diagonal(dim1=1, dim2=2))

        return once(inputs.edges, ("rrwp of nodes", self.dim), lambda: self._powers(inputs, of_nodes))

    def pairs(self, inputs: GraphBatch, pairs: Edges) -> Tensor:
        def of_pairs(dense: Dense, power: Tensor) -> Tensor:
            return dense.pairs(power, pairs)

        key = ("rrwp of pairs", self.dim, weakref.ref(inputs.edges))  # weak: the pairs may be the edges themselves
        return once(pairs, key, lambda: self._powers(inputs, of_pairs))

    def _powers(self, inputs: GraphBatch, read: Callable[[Dense, Tensor], Tensor]) -> Tensor:
        """What is read of each power, one beside the other, in float32."""
        dense = Dense.of(inputs)
        walk, found = dense.walk(), []
        power = torch.eye(walk.shape[-1], dtype=walk.dtype, device=walk.device).expand_as(walk)
        for _ in range(self.dim):
            found.append(read(dense, power).float())
            power = walk @ power
        return torch.stack(found, -1)
