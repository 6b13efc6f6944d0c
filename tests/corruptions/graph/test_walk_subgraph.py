"""What stays is connected, holds at most the share, and grows around each example."""

import networkx
import pytest
import torch

from lit_pretrain.corruptions.graph.walk_subgraph import WalkSubgraph
from lit_pretrain.types import Edges, GraphBatch


def as_networkx(batch) -> networkx.Graph:
    found = networkx.Graph(batch.edges.index.T.tolist())
    found.add_nodes_from(range(batch.num_nodes))
    return found


def test_each_graph_keeps_a_connected_share(graphs, generator):
    left = WalkSubgraph(0.6, steps=1000)(graphs, generator)
    assert left.lengths == (8, 1, 12, 5)  # rounded up
    assert networkx.number_connected_components(as_networkx(left)) == 4


def test_what_stays_is_the_induced_subgraph(graphs, generator):
    left = WalkSubgraph(0.6)(graphs, generator)
    old = (left.features[:, None] == graphs.features).all(2).nonzero()[:, 1]
    expected = as_networkx(graphs).subgraph(old.tolist())
    assert {tuple(sorted(e)) for e in expected.edges} == {
        tuple(sorted((int(old[a]), int(old[b])))) for a, b in as_networkx(left).edges
    }


def test_the_length_of_the_walk_is_a_limit(graphs, generator):
    assert all(length <= 4 for length in WalkSubgraph(1.0, steps=3)(graphs, generator).lengths)
    assert WalkSubgraph(1.0, steps=1000)(graphs, generator).num_nodes == 40


def test_starts_and_steps_are_uniform(generator):
    """Stars of three rays: one step from the middle to a ray, or to the middle."""
    star = torch.tensor([[0, 0, 0], [1, 2, 3]])
    star = (torch.cat([star, star.flip(0)], 1)[:, None] + 4 * torch.arange(2000)[:, None]).flatten(1)
    batch = GraphBatch(torch.arange(8000.0)[:, None], Edges.of(star, 8000)[0], (4,) * 2000)
    met = (WalkSubgraph(1.0, steps=1)(batch, generator).features[:, 0] % 4).view(2000, 2)
    assert (met[:, 0] == 0).all()
    assert ((torch.bincount(met[:, 1].long(), minlength=4)[1:] / 2000 - 1 / 3).abs() < 0.04).all()


def test_walks_begin_at_the_examples(nodes, generator):
    left = WalkSubgraph(0.3, steps=3)(nodes, generator)
    assert torch.equal(left.nodes[left.seeds], nodes.seeds)
    near = networkx.multi_source_dijkstra_path_length(as_networkx(nodes), set(nodes.seeds.tolist()))
    assert 3 < left.num_nodes <= 12 and all(near[node] <= 3 for node in left.nodes.tolist())
    everything = WalkSubgraph(0.1)(nodes.at(torch.arange(40)), generator)
    assert everything.num_nodes == 40


def test_nodes_without_edges_and_empty_graphs(graphs, generator):
    bare = graphs.without_edges(torch.ones(len(graphs.edges), dtype=torch.bool))
    assert WalkSubgraph()(bare, generator).lengths == (1, 1, 1, 1)
    drop = torch.zeros(40, dtype=torch.bool)
    drop[12] = True
    assert WalkSubgraph(0.6, 1000)(graphs.without_nodes(drop), generator).lengths == (8, 0, 12, 5)


def test_mistakes():
    with pytest.raises(ValueError, match=r"share=0"):
        WalkSubgraph(0)
    with pytest.raises(ValueError, match=r"steps=0"):
        WalkSubgraph(0.5, 0)
