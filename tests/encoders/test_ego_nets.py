"""Nodes are their ego nets, graphs are whole, and nothing but structure is seen."""

from dataclasses import replace

import networkx
import pytest
import torch

from lit_pretrain.corruptions.graph.restart_walks import RestartWalks
from lit_pretrain.encoders.ego_nets import EgoNets, anonymous
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.ego import EgoFeatures
from lit_pretrain.types import Edges, GraphBatch


def batch_of(*graphs: networkx.Graph) -> GraphBatch:
    one_way = torch.tensor(list(networkx.disjoint_union_all(graphs).edges)).T
    lengths = tuple(len(g) for g in graphs)
    edges, _ = Edges.of(torch.cat([one_way, one_way.flip(0)], 1), sum(lengths))
    return GraphBatch(torch.rand(sum(lengths), 3), edges, lengths)


@pytest.fixture
def graphs() -> GraphBatch:
    return batch_of(*(networkx.gnp_random_graph(n, 0.3, seed=n) for n in (10, 14)))


@pytest.fixture
def nodes() -> GraphBatch:
    return replace(batch_of(networkx.barabasi_albert_graph(50, 2, seed=0)), seeds=torch.tensor([7, 0, 33]))


@pytest.fixture
def encoder() -> EgoNets:
    torch.manual_seed(0)
    return EgoNets(PyGEncoder(EgoFeatures(8), dim=16), RestartWalks(0.5, 12), seed=5).eval()


def test_a_node_is_its_ego_net(encoder, nodes):
    nets = encoder.walks(nodes, nodes.seeds, torch.Generator().manual_seed(5))
    encoded, of_nets = encoder(nodes, layers=True), encoder.encoder(nets, layers=True)
    assert torch.equal(encoded.pooled, of_nets.pooled) and torch.equal(encoded.units, of_nets.pooled)
    assert torch.equal(encoder(nets).pooled, of_nets.pooled), "ego nets that are drawn already are taken as they are"
    assert encoded.layout.lengths == (1, 1, 1) == encoder.layout(nodes).lengths
    assert encoded.layers.keys() == {"embedding", "block00", "block01"}
    torch.testing.assert_close(encoded.layers["block00"], of_nets.pool("block00"))


def test_the_same_batch_has_the_same_vectors(encoder, nodes):
    first = encoder(nodes).pooled
    torch.rand(3)
    assert torch.equal(encoder(nodes).pooled, first)
    other = EgoNets(encoder.encoder, encoder.walks, seed=6)
    assert not torch.equal(other(nodes).pooled, first)


def test_features_of_nodes_and_edges_are_not_seen(encoder, graphs, nodes):
    for batch in (graphs, nodes):
        kinds = torch.randint(9, (batch.num_nodes, 1))
        other = replace(batch, features=kinds, edge_features=torch.rand(len(batch.edges), 2))
        assert torch.equal(encoder(other).pooled, encoder(batch).pooled)


def test_whole_graphs_are_known_by_their_structure_alone(encoder, graphs):
    order = torch.cat([torch.randperm(10), 10 + torch.randperm(14)])
    edges, _ = Edges.of(order.argsort()[graphs.edges.index], 24)
    first, second = encoder(graphs), encoder(replace(graphs, edges=edges))
    torch.testing.assert_close(second.pooled, first.pooled, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(second.units, first.units[order], rtol=1e-4, atol=1e-5)
    assert (first.pooled[0] - first.pooled[1]).abs().max() > 1e-3 and first.layout.lengths == (10, 14)


def test_the_roots_of_whole_graphs_have_the_most_edges():
    marked = anonymous(batch_of(networkx.star_graph(4), networkx.path_graph(4)))
    assert marked.roots.nonzero()[:, 0].tolist() == [0, 6, 7]


def test_nodes_that_are_left_out(encoder, nodes):
    keep = torch.tensor([True, False, True])
    assert torch.equal(encoder(nodes, keep=keep).pooled, encoder(nodes.at(nodes.seeds[keep])).pooled)
    with pytest.raises(ValueError, match="masked"):
        encoder(nodes, mask=keep)
