"""Hashes of graphs that do not depend on how their nodes are numbered. Legend: G graphs, N nodes, E directed edges."""

import torch
from torch import Tensor

from lit_pretrain.types import Edges, Layout

ODD, STEP = 0x2545F4914F6CDD1D, 0x1B873593CC9E2D51  # any odd numbers will do


def weisfeiler_lehman(
    kinds: Tensor, edges: Edges, graphs: Layout, edge_kinds: Tensor | None = None, rounds: int = 8
) -> Tensor:
    """(G,) int64: equal for isomorphic graphs, and with near certainty different for those that Weisfeiler and Lehman's test
    tells apart in so many rounds (their paper is of 1968; as a kernel of graphs JMLR 12, 2011).

    In each round a node's colour becomes a hash of itself and of the multiset of what it receives, colours of neighbours
    with the kinds of their edges; a graph's hash is that of the multiset of its nodes' colours. A multiset is the sum of
    hashes, in integers that wrap around, so the result is exact on every device.

    Args:
        kinds: (N,) int64 of nodes.
        edges: between them.
        graphs: whose node is whose.
        edge_kinds: (E,) int64; None: edges are alike.
        rounds: how far a node sees.
    """
    colours = _mixed(kinds)
    for _ in range(rounds):
        sent = colours[edges.sources]
        sent = _mixed(sent if edge_kinds is None else sent + STEP * (edge_kinds + 1))
        colours = _mixed(ODD * colours + torch.zeros_like(colours).index_add(0, edges.targets, sent))
    return colours.new_zeros(graphs.num_examples).index_add(0, graphs.example, _mixed(colours))


def _mixed(x: Tensor) -> Tensor:
    """A hash of each int64: additions of a constant, products and shifts, in turns (after splitmix64)."""
    x = x + STEP
    for bits in (31, 29):
        x = (x ^ ((x >> bits) & ((1 << (64 - bits)) - 1))) * ODD
    return x ^ ((x >> 32) & 0xFFFFFFFF)
