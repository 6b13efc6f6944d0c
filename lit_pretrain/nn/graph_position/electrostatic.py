"""Electrostatic interaction of nodes (ElstaticSE, arXiv 2205.12454). Legend: G graphs, N nodes, n nodes of the largest."""

import torch
from torch import Tensor

from lit_pretrain.nn.graph_position.dense import Dense
from lit_pretrain.nn.graph_position.fixed import FixedPosition
from lit_pretrain.types import GraphBatch

STATISTICS = 4  # lowest, highest, mean, standard deviation


class Electrostatic(FixedPosition):
    """The potential V_ij = [L+]_ij - [L+]_jj of node i in the field of a charge at j; L+ is the pseudo-inverse of D - A.

    A node has 10 numbers: lowest, highest, mean and standard deviation over all nodes of its graph of V_ji, which it causes,
    and of V_ij, which it feels; and the sums of both over its neighbours, each weighed by 1 / degree of the node that feels.
    Edges are taken both ways. (The first code takes the highest of V_ji twice; the second is meant to be that of V_ij.)
    """

    dim = 2 * STATISTICS + 2

    def compute(self, inputs: GraphBatch) -> Tensor:
        dense = Dense.of(inputs)
        values, vectors = dense.spectrum(normalised=False)
        solid = (values > 1e-9) & dense.valid  # eigenvalues of padding come last, as padding does
        inverse = (vectors * torch.where(solid, values.clamp(min=1e-9).reciprocal(), 0.0)[:, None]) @ vectors.mT
        potential = inverse - inverse.diagonal(dim1=1, dim2=2)[:, None]  # (G, n, n), i by j
        weighed = potential * dense.adjacency / dense.adjacency.sum(2, keepdim=True).clamp(min=1)
        valid = dense.valid
        found = [*_statistics(potential.mT, valid), *_statistics(potential, valid), weighed.sum(1), weighed.sum(2)]
        return dense.nodes(torch.stack(found, -1)).float()


def _statistics(x: Tensor, valid: Tensor) -> tuple[Tensor, ...]:
    """(G, n, n), of which the last axis is left out where (G, n) bool is false -> 4 x (G, n)."""
    count, there = valid.sum(1)[:, None], valid[:, None]
    mean = (x * there).sum(2) / count
    spread = ((x - mean[..., None]) ** 2 * there).sum(2) / (count - 1).clamp(min=1)
    return x.masked_fill(~there, torch.inf).amin(2), x.masked_fill(~there, -torch.inf).amax(2), mean, spread.sqrt()
