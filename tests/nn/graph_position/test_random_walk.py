"""Return probabilities against powers of the matrix and torch-geometric's, dense and sparse."""

import numpy as np
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import AddRandomWalkPE

from lit_pretrain.nn.graph_position import random_walk
from lit_pretrain.nn.graph_position.random_walk import RandomWalk, sparse_returns
from lit_pretrain.types import Edges, GraphBatch


def test_equals_powers_of_the_walk(graphs, walk):
    def formula(a):
        return np.stack([np.linalg.matrix_power(walk(a), k).diagonal() for k in range(1, 13)], 1)

    graphs.expect(RandomWalk(12)(graphs.batch), formula)


def test_equals_torch_geometric(graphs):
    batch = graphs.batch
    data = AddRandomWalkPE(10)(Data(edge_index=batch.edges.index, num_nodes=batch.num_nodes))
    torch.testing.assert_close(RandomWalk(10)(batch), data.random_walk_pe, rtol=1e-5, atol=1e-6)


def test_sparse_products_give_the_same(graphs, monkeypatch):
    dense = RandomWalk(9)(graphs.batch)
    torch.testing.assert_close(sparse_returns(graphs.batch.edges, 9, numbers=100), dense, rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(random_walk, "LIMIT", 10)
    torch.testing.assert_close(RandomWalk(9)(graphs.batch), dense, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("limit", [2**27, 1])
def test_a_node_without_edges_stays_and_one_way_edges_are_taken_both_ways(limit, monkeypatch):
    monkeypatch.setattr(random_walk, "LIMIT", limit)
    edges, _ = Edges.of(torch.tensor([[0], [1]]), 3)
    found = RandomWalk(4)(GraphBatch(torch.ones(3, 1), edges, (3,)))
    torch.testing.assert_close(found, torch.tensor([[0.0, 1, 0, 1], [0, 1, 0, 1], [1, 1, 1, 1]]))
