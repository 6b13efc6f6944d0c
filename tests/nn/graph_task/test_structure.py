"""Numbers that edges say of nodes, against networkx."""

import networkx
import numpy as np
import torch

from lit_pretrain.nn.graph_task import structure


def test_hops_are_shortest_paths(drawn, make) -> None:
    start = torch.eye(40, dtype=torch.bool)
    found = structure.hops(make([drawn]).edges, start, limit=4)
    paths = dict(networkx.all_pairs_shortest_path_length(drawn))
    expected = [[min(paths[a].get(b, 4), 4) for b in range(40)] for a in range(40)]
    assert found.tolist() == expected and {0, 1, 2, 3, 4} == set(found.flatten().tolist())


def test_hops_from_a_set_are_those_from_its_nearest_node(drawn, make) -> None:
    edges, start = make([drawn]).edges, torch.eye(40, dtype=torch.bool)
    both = structure.hops(edges, start[:, :1] | start[:, 5:6], 9)
    assert torch.equal(both, structure.hops(edges, start[:, [0, 5]], 9).amin(1, keepdim=True))


def test_clustering_and_page_rank(make) -> None:
    graphs = [networkx.karate_club_graph(), networkx.path_graph(3)]
    edges = make(graphs).edges
    expected = networkx.clustering(networkx.disjoint_union_all(graphs))
    assert max(expected.values()) == 1.0
    np.testing.assert_allclose(structure.clustering(edges), list(expected.values()), atol=1e-6)
    ranks = [n * len(g) for g in graphs for n in networkx.pagerank(g, weight=None, max_iter=500).values()]
    np.testing.assert_allclose(structure.page_rank(edges), ranks, atol=2e-4)


def test_a_walker_at_a_lonely_node_stays(make) -> None:
    np.testing.assert_allclose(structure.page_rank(make([networkx.empty_graph(2)]).edges), 1.0, atol=1e-5)


def test_within_two_hops(drawn, make) -> None:
    near = structure.within_two_hops(make([drawn]).edges)
    for node in drawn:
        expected = sorted(set(networkx.single_source_shortest_path_length(drawn, node, 2)) - {node})
        assert near.sources[near.offsets[node] : near.offsets[node + 1]].tolist() == expected


def test_linked(drawn, make) -> None:
    pairs = torch.cartesian_prod(torch.arange(40), torch.arange(40)).T
    expected = [drawn.has_edge(a, b) for a, b in pairs.T.tolist()]
    assert structure.linked(make([drawn]).edges, pairs).tolist() == expected
    assert not structure.linked(make([networkx.empty_graph(2)]).edges, torch.tensor([[0], [1]])).any()


def test_centres_lie_apart_and_have_the_highest_degree_of_their_cluster(make) -> None:
    """Two stars that are joined by a long path: their hubs are the centres, in each graph of a batch."""
    stars = networkx.disjoint_union(networkx.star_graph(6), networkx.star_graph(4))
    networkx.add_path(stars, [1, "a", "b", "c", 8])
    stars = networkx.convert_node_labels_to_integers(stars)
    batch = make([stars, stars])
    found = structure.centre_distances(batch.edges, batch.graphs, clusters=2, limit=20)
    paths = dict(networkx.all_pairs_shortest_path_length(stars))
    assert found.tolist() == 2 * [[paths[0][node], paths[7][node]] for node in stars]


def test_each_part_of_a_graph_gets_a_centre_first(make) -> None:
    batch = make([networkx.disjoint_union(networkx.path_graph(5), networkx.path_graph(3))])
    found = structure.centre_distances(batch.edges, batch.graphs, clusters=2, limit=6)
    assert (found[:5, 0] < 6).all() and (found[5:, 0] == 6).all() and (found[5:, 1] < 6).all()


def test_what_is_computed_is_kept_as_long_as_the_edges(drawn, make) -> None:
    first, second = make([drawn]).edges, make([drawn]).edges
    assert structure.clustering(first) is structure.clustering(first)
    assert structure.clustering(first) is not structure.clustering(second)
    assert structure.within_two_hops(first) is structure.within_two_hops(first)
