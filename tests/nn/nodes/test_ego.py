"""Structural features against numpy's eigenvectors, and that they depend on no numbering."""

import networkx
import numpy as np
import pytest
import torch

from lit_pretrain.nn.nodes.ego import EgoFeatures, unsigned
from lit_pretrain.types import Edges, EgoBatch, GraphBatch


def ego_net(graph: networkx.Graph, order: np.ndarray) -> EgoBatch:
    """Node order[i] of the graph becomes node i; the root is node 0 of the graph."""
    a = networkx.to_numpy_array(graph, nodelist=range(len(graph)))[np.ix_(order, order)]
    edges, _ = Edges.of(torch.from_numpy(np.argwhere(a).T.copy()), len(a))
    return EgoBatch.of(GraphBatch(torch.zeros(len(a), 0), edges, (len(a),)), torch.from_numpy(order == 0))


def joined(*graphs: EgoBatch) -> EgoBatch:
    starts = np.cumsum([0, *(g.num_nodes for g in graphs)]).tolist()
    index = torch.cat([g.edges.index + start for g, start in zip(graphs, starts, strict=False)], 1)
    lengths = tuple(g.num_nodes for g in graphs)
    return EgoBatch(torch.cat([g.features for g in graphs]), Edges.of(index, starts[-1])[0], lengths)


SYMMETRIC = [networkx.star_graph(6), networkx.cycle_graph(8), networkx.petersen_graph(), networkx.balanced_tree(2, 3)]
PLAIN = networkx.gnp_random_graph(12, 0.35, seed=4)


@pytest.mark.parametrize("graph", [PLAIN, *SYMMETRIC], ids=["plain", "star", "cycle", "petersen", "tree"])
@pytest.mark.parametrize("count", [3, 32])
def test_numbering_the_nodes_anew_renumbers_the_features(graph, count):
    torch.manual_seed(0)
    features = EgoFeatures(count)
    order = np.random.default_rng(0).permutation(len(graph))
    plain, renumbered = features(ego_net(graph, np.arange(len(graph)))), features(ego_net(graph, order))
    torch.testing.assert_close(renumbered, plain[torch.from_numpy(order)], rtol=1e-4, atol=1e-5)


def test_without_symmetries_they_are_absolute_eigenvectors_of_unit_rows():
    a = networkx.to_numpy_array(PLAIN)
    scale = a.sum(1) ** -0.5
    values, vectors = np.linalg.eigh(scale[:, None] * a * scale)
    assert np.diff(values).min() > 1e-3
    for count in (5, 20):
        expected = np.abs(vectors[:, ::-1][:, :count])  # the largest of the adjacency are the smallest of the Laplacian
        expected = np.pad(expected / np.linalg.norm(expected, axis=1, keepdims=True), ((0, 0), (0, max(0, count - 12))))
        found = unsigned(ego_net(PLAIN, np.arange(12)), count)
        torch.testing.assert_close(found, torch.from_numpy(expected).float(), rtol=1e-4, atol=1e-5)


def test_graphs_beside_it_do_not_change_a_graph():
    graphs = [ego_net(graph, np.arange(len(graph))) for graph in (*SYMMETRIC, PLAIN)]
    alone = torch.cat([unsigned(graph, 8) for graph in graphs])
    torch.testing.assert_close(unsigned(joined(*graphs), 8), alone, rtol=1e-4, atol=1e-5)


def test_degrees_and_roots_are_told():
    features = EgoFeatures(4, max_degree=3, degree_dim=5)
    found = features(ego_net(networkx.star_graph(6), np.arange(7)))
    assert found.shape == (7, features.dim) and features.dim == 10
    assert torch.equal(found[:, -1], torch.tensor([1.0, 0, 0, 0, 0, 0, 0]))
    torch.testing.assert_close(found[:, 4:9], features.degree.weight[[3, 1, 1, 1, 1, 1, 1]])  # 6 edges count as 3


def test_mistakes():
    with pytest.raises(ValueError, match=r"eigenvectors=0"):
        EgoFeatures(0)
    graph = ego_net(PLAIN, np.arange(12))
    with pytest.raises(ValueError, match="5 features"):
        EgoFeatures()(GraphBatch(torch.zeros(12, 5), graph.edges, (12,)))
