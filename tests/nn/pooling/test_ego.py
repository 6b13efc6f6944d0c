"""Sums over surroundings, against a walk through the graph."""

import networkx as nx
import pytest
import torch

from lit_pretrain.nn.pooling.ego import EgoSum
from lit_pretrain.types import Edges


@pytest.mark.parametrize("hops", [1, 2, 3])
@pytest.mark.parametrize("directed", [False, True])
def test_each_node_within_reach_counts_once(hops, directed):
    graph = nx.gnp_random_graph(30, 0.06, seed=1, directed=directed)
    index = torch.tensor(list((graph if directed else graph.to_directed()).edges)).T
    edges, _ = Edges.of(index, 30)
    nodes = torch.randn(30, 4, requires_grad=True)
    found = EgoSum(hops)(nodes, edges)
    backward = graph.reverse() if directed else graph  # messages come from the sources
    for node in range(30):
        near = list(nx.single_source_shortest_path_length(backward, node, cutoff=hops))
        torch.testing.assert_close(found[node], nodes[near].sum(0))
    found[3].sum().backward()
    near = list(nx.single_source_shortest_path_length(backward, 3, cutoff=hops))
    assert sorted(nodes.grad[:, 0].nonzero()[:, 0].tolist()) == sorted(near)


def test_no_hops_are_refused():
    with pytest.raises(ValueError, match="hops=0"):
        EgoSum(0)
