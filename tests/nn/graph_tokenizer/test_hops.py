"""Neighbourhoods against powers of the matrix of a walk."""

import torch

from lit_pretrain.nn.graph_tokenizer.hops import Hops
from lit_pretrain.types import Edges, GraphBatch


def test_tokens_are_means_over_walks(graphs):
    walk = graphs.edges.matrix.to_dense()
    walk = walk / walk.sum(1, keepdim=True)
    tokens = Hops(3)(graphs.features, graphs)
    expected = [torch.linalg.matrix_power(walk, k) @ graphs.features for k in (3, 2, 1, 0)]
    torch.testing.assert_close(tokens.vectors.view(26, 4, 6), torch.stack(expected, 1))
    assert tokens.layout.lengths == (4,) * 26
    torch.testing.assert_close(tokens.vectors[tokens.nodes], graphs.features)


def test_a_node_without_edges_stays():
    edges, _ = Edges.of(torch.zeros(2, 0, dtype=torch.long), 1)
    tokens = Hops(2)(torch.tensor([[5.0]]), GraphBatch(torch.ones(1, 1), edges, (1,)))
    assert tokens.vectors.eq(5).all()
