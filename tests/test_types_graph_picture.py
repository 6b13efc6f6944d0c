"""Drawn graphs: who lies where, what is drawn, and what an alteration changes in a picture."""

from dataclasses import replace

import networkx
import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor

from lit_pretrain.types import Edges, GraphBatch
from lit_pretrain.types.graph_parts import adjacency, around, parts
from lit_pretrain.types.graph_picture import FAINT, INK, LARGEST, MOST, NEW, PAPER, SIDE, drawn, node_colours, places


def batch_of(*graphs: networkx.Graph, **more) -> GraphBatch:
    graphs = [networkx.convert_node_labels_to_integers(graph) for graph in graphs]
    starts = np.cumsum([0, *map(len, graphs)])
    pairs = [(a + s, b + s) for graph, s in zip(graphs, starts[:-1], strict=True) for a, b in graph.edges]
    once = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
    edges, _ = Edges.of(torch.cat([once, once.flip(0)], 1), int(starts[-1]))
    return GraphBatch(torch.arange(int(starts[-1]))[:, None] % 3, edges, tuple(map(len, graphs)), **more)


def pixels(picture: Tensor, colour: tuple[int, int, int]) -> int:
    """How many have about this colour."""
    wanted = torch.tensor(colour)[:, None, None] / 255
    return int(((picture - wanted).abs().amax(0) < 0.03).sum())


@pytest.mark.parametrize("graph", [networkx.path_graph(7), networkx.cycle_graph(8)], ids=["path", "ring"])
def test_distances_in_the_plane_are_those_of_the_graph(graph):
    at = places(csr_array(networkx.to_scipy_sparse_array(graph)))
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    steps = np.array([[networkx.shortest_path_length(graph, a, b) for b in graph] for a in graph])
    known = ~np.eye(len(graph), dtype=bool)
    assert np.corrcoef(apart[known], steps[known])[0, 1] > 0.95
    side = apart[steps == 1]
    assert side.std() < 0.05 * side.mean()


def test_nodes_lie_in_the_square_and_apart_also_twins_and_parts_without_a_way_between_them():
    star, pair = networkx.star_graph(5), networkx.path_graph(2)
    at = places(csr_array(networkx.to_scipy_sparse_array(networkx.disjoint_union(star, pair))))
    apart = np.linalg.norm(at[:, None] - at[None], axis=2) + np.eye(len(at))
    assert at.min() >= 0 and at.max() <= 1 and apart.min() > 0.05
    assert places(csr_array((1, 1))).tolist() == [[0.5, 0.5]]


def test_each_graph_is_drawn_with_its_colours():
    picture = batch_of(networkx.path_graph(5), networkx.empty_graph(1), networkx.cycle_graph(4)).preview()
    assert picture.shape == (3, 1, 3, SIDE, SIDE) and picture.min() >= 0 and picture.max() <= 1
    assert all(pixels(panel[0], PAPER) > SIDE**2 / 2 for panel in picture)
    assert min(pixels(picture[i, 0], INK) for i in (0, 2)) > 20
    kinds = node_colours(torch.tensor([[0], [1], [2]]), torch.tensor([[0]])).tolist()
    assert all(pixels(picture[0, 0], tuple(kind)) > 50 for kind in kinds)
    assert [pixels(picture[1, 0], tuple(kind)) > 50 for kind in kinds] == [False, False, True], "node 5 is of kind 2"


def test_numbers_are_coloured_by_their_first_principal_component():
    position, noise = torch.linspace(-1, 1, 50), 0.01 * torch.randn(50, 3)
    features = noise + position[:, None] * torch.tensor([3.0, -2.0, 0.0])
    green = node_colours(features, features)[:, 1].astype(int)  # of viridis, it rises all the way
    assert abs(np.corrcoef(green, position)[0, 1]) > 0.95
    assert (node_colours(features[:5], features) == node_colours(features, features)[:5]).all()


def test_what_is_left_out_is_pale_what_is_new_is_orange_and_what_is_hidden_is_bare():
    batch = batch_of(networkx.path_graph(6), nodes=torch.arange(6))
    plain = drawn(batch)[0]
    assert pixels(plain, FAINT) == pixels(plain, NEW) == 0
    fewer = drawn(batch, batch.without_nodes(torch.arange(6) == 2))[0]
    assert pixels(fewer, FAINT) > 40 and pixels(fewer, INK) < pixels(plain, INK)
    cut = drawn(batch, batch.without_edges(batch.edges.index.sum(0) == 3))[0]  # between nodes 1 and 2
    assert pixels(cut, FAINT) > 5 and pixels(cut, NEW) == 0
    more = torch.cat([batch.edges.index, torch.tensor([[0, 5], [5, 0]])], 1)
    added = drawn(batch, replace(batch, edges=Edges.of(more, 6)[0]))[0]
    assert pixels(added, NEW) > 50 and pixels(added, INK) > 0
    red = tuple(node_colours(torch.tensor([[1]]), torch.tensor([[1]]))[0].tolist())
    bare = drawn(batch, hidden=batch.features[:, 0] == 1)[0]
    assert pixels(bare, red) < 5 < 50 < pixels(plain, red) and pixels(bare, PAPER) > pixels(plain, PAPER)


def test_edges_that_weigh_more_are_thicker():
    batch = batch_of(networkx.path_graph(4))
    light = torch.full((6,), 0.1)
    alike, heavy = drawn(batch, weights=light), drawn(batch, weights=light.index_fill(0, torch.tensor([2]), 1.0))
    assert pixels(alike[0], INK) > pixels(heavy[0], INK) > 20, "weights are shares of the largest of an example"
    assert torch.equal(alike, drawn(batch, weights=7 * light))


@pytest.mark.parametrize("nodes", [200, 30])
def test_around_a_node_lies_what_is_two_edges_away_and_of_much_a_part(nodes):
    graph = networkx.gnm_random_graph(nodes, 4 * nodes, seed=0)
    batch = batch_of(graph, seeds=torch.tensor([3, 7]))
    linked = adjacency(batch)
    assert (linked.toarray() == networkx.to_numpy_array(graph)).all()
    for seed, found in zip([3, 7], parts(batch, linked, 2), strict=True):
        away = networkx.single_source_shortest_path_length(graph, seed, cutoff=2)
        assert set(found.tolist()) == set(away) and [away[n] for n in found.tolist()] == sorted(away.values())
    assert around(linked, 3, 0).tolist() == [3]
    assert batch.preview().shape == (2, 1, 3, SIDE, SIDE)
    assert len(next(parts(replace(batch, seeds=None), linked, 2))) == nodes and (nodes > MOST) == (nodes == 200)
    assert replace(batch, seeds=None).preview().shape[0] == 1
    assert len(replace(batch, seeds=torch.arange(nodes)).preview()) == min(nodes, LARGEST)


def test_the_picture_does_not_depend_on_what_else_is_in_the_batch():
    ring, path = networkx.cycle_graph(6), networkx.path_graph(5)
    assert torch.equal(batch_of(ring, path).preview()[0], batch_of(ring).preview()[0])
