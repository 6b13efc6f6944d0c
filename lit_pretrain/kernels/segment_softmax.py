"""Softmax and sums over the edges that lead to each node. Legend: N nodes, E edges, H heads."""

import torch
from torch import Tensor

from lit_pretrain.types import Edges


def segment_softmax(scores: Tensor, edges: Edges) -> Tensor:
    """(E, H) scores -> (E, H) float32 shares, which add up to 1 over the edges that lead to a node."""
    scores = scores.float()
    highest = torch.segment_reduce(scores.detach(), "max", offsets=edges.offsets, unsafe=True, initial=-torch.inf)
    weights = (scores - highest[edges.targets]).exp()
    return weights / segment_sum(weights, edges)[edges.targets]


def segment_sum(x: Tensor, edges: Edges) -> Tensor:
    """(E, ...) -> (N, ...) sums over the edges that lead to each node, in the same order each time."""
    return torch.segment_reduce(x.flatten(1), "sum", offsets=edges.offsets, unsafe=True, initial=0).unflatten(1, x.shape[1:])
