"""Dropped nodes are gone with their edges; the share is that of every graph; examples stay."""

import pytest
import torch

from lit_pretrain.corruptions.graph.node_dropping import NodeDropping
from lit_pretrain.types import Edges, GraphBatch


def test_the_share_of_each_graph_is_dropped(graphs, generator):
    left = NodeDropping(0.3)(graphs, generator)
    assert left.lengths == (12 - 3, 1, 20 - 6, 7 - 2)
    assert left.num_examples == 4 and torch.equal(left.labels, graphs.labels)


def test_what_stays_is_the_induced_subgraph(graphs, generator):
    left = NodeDropping(0.3)(graphs, generator)
    old = (left.features[:, None] == graphs.features).all(2).nonzero()[:, 1]  # features are all different
    assert len(old) == left.num_nodes
    dense = torch.zeros(40, 40)
    dense[tuple(graphs.edges.index)] = 1
    again = torch.zeros(left.num_nodes, left.num_nodes)
    again[tuple(left.edges.index)] = 1
    assert torch.equal(again, dense[old][:, old])
    assert torch.equal(left.edge_features[:, 0], old[left.edges.index].sum(0))


def test_examples_stay(nodes, generator):
    for _ in range(20):
        left = NodeDropping(0.9)(nodes, generator)
        assert torch.equal(left.nodes[left.seeds], nodes.seeds) and left.num_nodes < 10
    everything = NodeDropping(0.9)(nodes.at(torch.arange(40)), generator)
    assert everything.num_nodes == 40


def test_every_node_is_dropped_equally_often(generator):
    bare = Edges.of(torch.zeros(2, 0, dtype=torch.long), 6000)[0]
    left = NodeDropping(0.5)(GraphBatch(torch.arange(6000)[:, None], bare, (6,) * 1000), generator)
    assert set(left.lengths) == {3}
    assert ((torch.bincount(left.features[:, 0] % 6) / 1000 - 0.5).abs() < 0.06).all()


def test_mistakes():
    with pytest.raises(ValueError, match=r"rate=1"):
        NodeDropping(1)
