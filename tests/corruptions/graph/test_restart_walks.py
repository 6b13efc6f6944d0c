"""Ego nets are connected, induced, anonymous, near their roots, and met with the chances of the walk."""

from dataclasses import replace

import networkx
import pytest
import torch

from lit_pretrain.corruptions.graph.restart_walks import RestartWalks
from lit_pretrain.types import Edges, EgoBatch, GraphBatch


def as_networkx(batch: GraphBatch) -> networkx.Graph:
    found = networkx.Graph(batch.edges.index.T.tolist())
    found.add_nodes_from(range(batch.num_nodes))
    return found


def path(nodes: int) -> GraphBatch:
    one_way = torch.stack([torch.arange(nodes - 1), torch.arange(1, nodes)])
    edges, _ = Edges.of(torch.cat([one_way, one_way.flip(0)], 1), nodes)
    return GraphBatch(torch.zeros(nodes, 3), edges, (nodes,))


def test_one_connected_ego_net_a_root(nodes, generator):
    roots = torch.tensor([4, 30, 4, 0])
    nets = RestartWalks(0.5, 10)(nodes, roots, generator)
    assert isinstance(nets, EgoBatch) and len(nets.lengths) == 4 and max(nets.lengths) <= 11
    assert networkx.number_connected_components(as_networkx(nets)) == 4
    assert torch.equal(nets.graphs.example[nets.roots], torch.arange(4)), "one root each"


def test_nothing_but_edges_and_roots_is_known(graphs, generator):
    nets = RestartWalks()(graphs, torch.tensor([1, 15]), generator)
    assert torch.equal(nets.features, nets.roots[:, None].float())
    assert nets.edge_features is None and nets.nodes is None and nets.labels is None and nets.seeds is None


def test_a_long_walk_finds_the_whole_graph_and_all_its_edges(graphs, generator):
    nets = RestartWalks(0.1, 1000)(graphs, torch.tensor([3, 12, 20, 33]), generator)
    assert nets.lengths == graphs.lengths
    assert torch.equal(nets.edges.index, graphs.edges.index)
    assert nets.roots.nonzero()[:, 0].tolist() == [3, 12, 20, 33]


def test_the_chances_of_two_steps(generator):
    """From the end of a path the second step goes on with chance (1 - restart) / 2."""
    nets = RestartWalks(0.6, 2)(path(4), torch.zeros(5000, dtype=torch.long), generator)
    lengths = torch.tensor(nets.lengths)
    assert set(nets.lengths) == {2, 3} and abs(float((lengths == 3).float().mean()) - 0.2) < 0.02


def test_steps_limit_the_distance(generator):
    nets = RestartWalks(0.0, 3)(path(40), torch.full((2000,), 20), generator)
    assert max(nets.lengths) == 4 and min(nets.lengths) == 2
    ball = networkx.eccentricity(as_networkx(nets).subgraph(range(nets.lengths[0])))
    assert max(ball.values()) <= 3


def test_a_node_without_edges_is_alone(graphs, generator):
    assert RestartWalks()(graphs, torch.tensor([12, 0]), generator).lengths[0] == 1
    bare = graphs.without_edges(torch.ones(len(graphs.edges), dtype=torch.bool))
    assert RestartWalks()(bare, torch.tensor([3, 7]), generator).lengths == (1, 1)


def test_relabelling_the_nodes_does_not_change_what_ego_nets_are_like(graphs, generator):
    """On a complete graph every numbering is the same, so only the draws tell ego nets apart."""
    index = (~torch.eye(6, dtype=torch.bool)).nonzero().T
    whole = replace(graphs, features=graphs.features[:6], edges=Edges.of(index, 6)[0], lengths=(6,), edge_features=None)
    sizes = [RestartWalks(0.3, 4)(whole, torch.full((3000,), root), generator).lengths for root in (0, 5)]
    first, last = (torch.tensor(s).double().mean() for s in sizes)
    assert abs(first - last) < 0.08


def test_mistakes():
    with pytest.raises(ValueError, match=r"restart=1"):
        RestartWalks(1.0)
    with pytest.raises(ValueError, match=r"steps=0"):
        RestartWalks(0.5, 0)
