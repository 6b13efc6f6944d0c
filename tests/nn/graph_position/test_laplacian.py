"""Eigenvectors against numpy's up to signs, which are random in training and settled otherwise."""

import numpy as np
import scipy.sparse.csgraph
import torch

from lit_pretrain.nn.graph_position.laplacian import Laplacian, eigenvectors, lanczos
from lit_pretrain.types import Edges, GraphBatch


def test_equals_numpys_eigenvectors_up_to_signs(graphs, laplacian):
    found = eigenvectors(graphs.batch, 5)
    graphs.expect(found[..., 0].abs(), lambda a: np.abs(np.linalg.eigh(laplacian(a))[1][:, 1:6]))
    graphs.expect(found[..., 1], lambda a: np.tile(np.linalg.eigvalsh(laplacian(a))[1:6], (len(a), 1)))


def test_signs_are_drawn_in_training_for_each_vector_of_each_graph(graphs):
    position, batch = Laplacian(5), graphs.batch
    settled = position.eval()(batch)
    torch.manual_seed(0)
    drawn = torch.stack([position.train()(batch) / settled for _ in range(20)])  # (draws, N, K)
    torch.testing.assert_close(drawn.abs(), torch.ones_like(drawn))
    graphs_of = drawn.split(batch.lengths, 1)
    assert all(torch.allclose(one, one[:, :1]) for one in graphs_of), "one sign for all nodes of a graph"
    signs = torch.stack([one[:, 0] for one in graphs_of], 1)  # (draws, G, K)
    assert (signs.mean(0).abs() < 0.9).all() and not torch.equal(signs[:, 0], signs[:, 1])


def test_lanczos_finds_the_same(graphs):
    batch = type(graphs)([graphs.matrices[1]]).batch
    torch.testing.assert_close(lanczos(batch.edges, 4).float(), eigenvectors(batch, 4), rtol=1e-4, atol=1e-5)


def in_pieces(graphs):
    """One graph of three pieces and a node without edges."""
    batch = graphs.batch
    offsets = torch.cat([batch.edges.offsets, batch.edges.offsets[-1:]])
    return GraphBatch(torch.ones(35, 1), Edges(offsets, batch.edges.sources), (35,))


def test_pieces_of_a_graph_do_not_take_the_places_of_its_eigenvectors(graphs):
    batch = in_pieces(graphs)
    found = eigenvectors(batch, 6)
    values = sorted(
        v for a in graphs.matrices for v in np.linalg.eigvalsh(scipy.sparse.csgraph.laplacian(a, normed=True))[1:]
    )
    torch.testing.assert_close(found[0, :, 1].double(), torch.tensor(values[:6]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(lanczos(batch.edges, 6).float(), found, rtol=1e-4, atol=1e-5)
    assert found[34, :, 0].abs().max() < 1e-6


def test_small_graphs_have_zeros_for_the_vectors_that_they_lack():
    edges, _ = Edges.of(torch.tensor([[0, 1, 3, 4, 4, 5], [1, 0, 4, 3, 5, 4]]), 6)  # two nodes, one, three in a row
    found = Laplacian(4).eval()(GraphBatch(torch.ones(6, 1), edges, (2, 1, 3)))
    assert found.shape == (6, 4)
    torch.testing.assert_close((found**2).sum(0), torch.tensor([2.0, 1, 0, 0]))
    assert found[2].eq(0).all()
