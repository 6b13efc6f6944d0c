"""Linked and unlinked nodes have equal chances, and nothing else is drawn."""

import pytest
import torch

from lit_pretrain.corruptions.graph.triplets import triplets
from lit_pretrain.types import Edges, GraphBatch


def graphs() -> GraphBatch:
    """A star with a chord, a triangle (all linked), a pair and a lone node, a lone node with a directed edge to it."""
    both = [(0, 1), (0, 2), (0, 3), (1, 2), (5, 6), (5, 7), (6, 7), (8, 9)]
    index = torch.tensor([*both, *((b, a) for a, b in both), (12, 11)]).T
    edges, _ = Edges.of(index, 14)
    return GraphBatch(torch.zeros(14, 1), edges, (5, 3, 3, 3))


def test_what_is_drawn_and_how_often():
    batch, generator = graphs(), torch.Generator().manual_seed(0)
    rounds = [triplets(batch, 3, generator) for _ in range(600)]
    linked, unlinked = (torch.stack([getattr(r, name) for r in rounds]) for name in ("linked", "unlinked"))
    sources = {n: set(batch.edges.sources[batch.edges.targets == n].tolist()) for n in range(14)}
    for node in range(14):
        graph = set((batch.graphs.example == batch.graphs.example[node]).nonzero()[:, 0].tolist())
        apart = graph - sources[node] - {node}
        assert bool(rounds[0].found[node]) == bool(sources[node] and apart)
        if not rounds[0].found[node]:
            continue
        for wanted, drawn in ((sources[node], linked[:, node]), (apart, unlinked[:, node].flatten())):
            values, counts = drawn.unique(return_counts=True)
            assert set(values.tolist()) == wanted
            assert (counts / len(drawn) - 1 / len(wanted)).abs().max() < 0.06
    assert rounds[0].found.tolist() == [True] * 4 + [False] * 4 + [True] * 2 + [False, True, False, False]
    assert unlinked.max() < 14 and linked.max() < 14


def test_examples_are_the_nodes_and_the_generator_decides():
    batch = graphs()
    batch.lengths = (14,)
    part = batch.at(torch.tensor([9, 0]))
    first, again = (triplets(part, 2, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.node.tolist() == [9, 0] and first.unlinked.shape == (2, 2)
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))


@pytest.mark.parametrize("nodes", [1, 3])
def test_graphs_without_edges_have_none(nodes):
    edges, _ = Edges.of(torch.zeros(2, 0, dtype=torch.long), nodes)
    found = triplets(GraphBatch(torch.zeros(nodes, 1), edges, (nodes,)), 1, torch.Generator())
    assert not found.found.any()
