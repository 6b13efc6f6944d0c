"""Nodes by degree and breadth first, against sorting by hand and networkx's distances."""

import networkx as nx
import pytest
import torch

from lit_pretrain.nn.graph_tokenizer.breadth_first_order import BreadthFirstOrder, distances
from lit_pretrain.nn.graph_tokenizer.degree_order import DegreeOrder
from lit_pretrain.nn.graph_tokenizer.order import by_keys, walks
from lit_pretrain.types import Edges, GraphBatch

each_order = pytest.mark.parametrize("order", [DegreeOrder(), BreadthFirstOrder(), BreadthFirstOrder(1)])


def numbers(batch):
    return torch.arange(batch.num_nodes)[:, None].float()


def test_degrees_rise_within_each_graph(graphs):
    tokens = DegreeOrder()(numbers(graphs), graphs)
    assert tokens.layout.lengths == graphs.lengths
    for one, own in zip(
        tokens.vectors[:, 0].long().split(graphs.lengths), torch.arange(26).split(graphs.lengths), strict=True
    ):
        assert sorted(one.tolist()) == own.tolist()
        degrees = graphs.edges.degrees[one]
        assert degrees.tolist() == sorted(degrees.tolist())


def test_distances_are_networkx_distances(graphs):
    network = nx.Graph()
    network.add_nodes_from(range(26))
    network.add_edges_from(graphs.edges.index.T.tolist())
    found, start = distances(graphs, 3), 0
    for n in graphs.lengths:
        best = max(range(start, start + n), key=lambda i: ([float(w[i]) for w in walks(graphs.edges)], i))
        expected = nx.single_source_shortest_path_length(network, best)
        assert found[start : start + n].tolist() == [min(4, expected.get(i, 99)) for i in range(start, start + n)]
        start += n


def test_breadth_first_goes_outwards(graphs):
    tokens = BreadthFirstOrder()(numbers(graphs), graphs)
    for one in tokens.vectors[:, 0].long().split(graphs.lengths):
        found = distances(graphs, 32)[one].tolist()
        assert found[0] == 0 and found == sorted(found)


@each_order
def test_nodes_are_read_where_they_stand(order, graphs):
    tokens = order(graphs.features, graphs)
    assert torch.equal(tokens.vectors[tokens.nodes], graphs.features)


@each_order
def test_relabelling_changes_nothing(order, graphs, relabelled):
    look = torch.stack(walks(graphs.edges), 1).float()  # nodes that look alike may change places
    other, new = relabelled(graphs)
    torch.testing.assert_close(order(look[new], other).vectors, order(look, graphs).vectors)


def test_an_empty_graph_has_no_start():
    edges, _ = Edges.of(torch.tensor([[0, 1], [1, 0]]), 2)
    batch = GraphBatch(torch.ones(2, 1), edges, (0, 2, 0))
    assert distances(batch, 4).tolist() in ([0, 1], [1, 0])
    assert BreadthFirstOrder()(batch.features, batch).layout.lengths == (0, 2, 0)


def test_earlier_keys_go_before_later_ones():
    assert by_keys([torch.tensor([1, 0, 1, 0]), torch.tensor([0, 2, -1, 1])]).tolist() == [3, 1, 2, 0]
