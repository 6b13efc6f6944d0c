"""Personalised PageRank (arXiv 1810.05997; an encoding in arXiv 2411.12732). Legend: N nodes, K chances of a restart."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_pretrain.nn.graph_position.dense import Dense
from lit_pretrain.nn.graph_position.fixed import FixedPosition
from lit_pretrain.types import GraphBatch


class PersonalisedPageRank(FixedPosition):
    """Where a walker from each node is who starts again with chance a: P = a (I - (1 - a) A D^-1)^-1.

    A node has two numbers for each a: P_ii, how much of its own walker stays with it, and the mean over j of n P_ij, how
    often the walkers of all n nodes of its graph come by (its PageRank, which is 1 on average). Edges are taken both ways,
    and a walker at a node without edges stays. The compared work has rows of P for a few drawn nodes instead, which change
    with the draw.

    Args:
        restarts: the values of a.
    """

    def __init__(self, restarts: Sequence[float] = (0.05, 0.15, 0.5)):
        super().__init__()
        if not restarts or not all(0 < a < 1 for a in restarts):
            raise ValueError(f"restarts={list(restarts)} must lie between 0 and 1")
        self.restarts, self.dim = tuple(restarts), 2 * len(restarts)

    def compute(self, inputs: GraphBatch) -> Tensor:
        dense = Dense.of(inputs)
        walk, found = dense.walk(), []
        one = torch.eye(walk.shape[-1], dtype=walk.dtype, device=walk.device)
        for a in self.restarts:
            ranks = a * torch.linalg.inv(one - (1 - a) * walk)  # (G, n, n); padding reaches no one
            found += [ranks.diagonal(dim1=1, dim2=2), (ranks * dense.valid[:, None]).sum(2)]
        return dense.nodes(torch.stack(found, -1)).float()
