"""Edges move inside their graph, both ways together, and never onto a node itself or another edge."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.corruptions.graph.base import undirected_draws
from lit_pretrain.corruptions.graph.edge_perturbation import EdgePerturbation
from lit_pretrain.types import Edges, GraphBatch


def pairs(batch) -> list[tuple[int, int]]:
    return list(zip(*batch.edges.index.tolist(), strict=True))


def test_edges_stay_sound(graphs, generator):
    for rate in (0.0, 0.3, 0.95):
        moved = EdgePerturbation(rate)(graphs, generator)
        found = pairs(moved)
        assert len(set(found)) == len(found) and {(b, a) for a, b in found} == set(found)
        assert all(a != b for a, b in found)
        assert torch.equal(graphs.graphs.example[moved.edges.sources], graphs.graphs.example[moved.edges.targets])
        resorted, order = Edges.of(moved.edges.index, 40)
        assert torch.equal(resorted.offsets, moved.edges.offsets) and torch.equal(order, torch.arange(len(found)))
        assert torch.equal(moved.features, graphs.features) and moved.lengths == graphs.lengths
    assert torch.equal(EdgePerturbation(0.0)(graphs, generator).edges.index, graphs.edges.index)


def test_as_many_are_added_as_dropped(graphs, generator):
    old, dropped, added = set(pairs(graphs)), 0, 0
    for _ in range(100):
        new = set(pairs(EdgePerturbation(0.2)(graphs, generator)))
        dropped, added = dropped + len(old - new), added + len(new - old)
    assert abs(dropped / (100 * len(old)) - 0.2) < 0.04  # some are added where one was dropped
    assert 0.6 * dropped < added <= dropped  # and some where one stands


def test_new_places_are_uniform(generator):
    """The one edge of four nodes goes to each of the twelve places equally often."""
    first = torch.arange(3000) * 4
    edges, _ = Edges.of(torch.stack([first, first + 1]), 12000)
    moved = EdgePerturbation(0.9999)(GraphBatch(torch.zeros(12000, 1), edges, (4,) * 3000), generator)
    count = torch.zeros(4, 4).index_put(tuple(moved.edges.index % 4), torch.ones(3000), accumulate=True)
    assert ((count / 3000 - (1 - torch.eye(4)) / 12).abs() < 0.02).all()


def test_features_go_with_their_edge_in_both_directions(graphs, generator):
    names = torch.minimum(*graphs.edges.index) * 40 + torch.maximum(*graphs.edges.index)
    named = replace(graphs, edge_features=names[:, None])
    stand = undirected_draws(graphs.edges, torch.Generator().manual_seed(5), 3)[:, 0] >= 0.7
    moved = EdgePerturbation(0.7)(named, torch.Generator().manual_seed(5))
    found = dict(zip(pairs(moved), moved.edge_features[:, 0].tolist(), strict=True))
    assert all(found[a, b] == found[b, a] for a, b in found)
    assert len(set(found.values())) == len(found) // 2 and set(found.values()) <= set(names.tolist())
    index, names = graphs.edges.index[:, stand], names[stand]
    assert len(names) > 0 and [found[a, b] for a, b in index.T.tolist()] == names.tolist()


def test_no_edges(graphs, generator):
    bare = graphs.without_edges(torch.ones(len(graphs.edges), dtype=torch.bool))
    assert len(EdgePerturbation(0.5)(bare, generator).edges) == 0


def test_mistakes():
    with pytest.raises(ValueError, match=r"rate=-0.1"):
        EdgePerturbation(-0.1)
