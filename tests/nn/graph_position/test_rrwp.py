"""Relative walk probabilities against powers of the matrix, for all pairs, for edges, and for nodes."""

import numpy as np
import torch

from lit_pretrain.nn.graph_position.pair import all_pairs, edges_and_selves
from lit_pretrain.nn.graph_position.random_walk import RandomWalk
from lit_pretrain.nn.graph_position.rrwp import RRWP


def powers(walk, a):
    return np.stack([np.linalg.matrix_power(walk(a), k) for k in range(6)], -1)  # (n, n, 6)


def test_all_pairs_are_the_whole_matrices(graphs, walk):
    batch = graphs.batch
    pairs = all_pairs(batch)
    assert len(pairs) == sum(n * n for n in batch.lengths)
    graphs.expect(RRWP(6).pairs(batch, pairs), lambda a: powers(walk, a).reshape(-1, 6))


def test_edges_are_entries_of_them(graphs, walk):
    batch = graphs.batch
    pairs = edges_and_selves(batch.edges)
    assert len(pairs) == len(batch.edges) + batch.num_nodes
    graphs.expect(RRWP(6).pairs(batch, pairs), lambda a: powers(walk, a)[(a + np.eye(len(a))) > 0])


def test_nodes_are_the_diagonal(graphs):
    found = RRWP(6)(graphs.batch)
    torch.testing.assert_close(found[:, 1:], RandomWalk(5)(graphs.batch), rtol=1e-5, atol=1e-6)
    assert found[:, 0].eq(1).all()


def test_pairs_relabel_as_nodes_do(graphs):
    other, order = graphs.relabelled()
    batch, relabelled = graphs.batch, other.batch
    dense = torch.zeros(batch.num_nodes, batch.num_nodes, 6)
    one, two = all_pairs(batch), all_pairs(relabelled)
    dense[one.targets, one.sources] = RRWP(6).pairs(batch, one)
    torch.testing.assert_close(RRWP(6).pairs(relabelled, two), dense[order[two.targets], order[two.sources]])


def test_the_same_pairs_of_other_edges_are_not_mixed_up(graphs):
    batch = graphs.batch
    pairs = all_pairs(batch)
    fewer = batch.without_edges(torch.arange(len(batch.edges)) < 6)
    whole = RRWP(6).pairs(batch, pairs)
    assert not torch.equal(RRWP(6).pairs(fewer, pairs), whole)
