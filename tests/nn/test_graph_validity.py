"""Connection against networkx, and valences by hand."""

import networkx
import pytest
import torch

from lit_pretrain.nn.graph_validity import GraphValidity, connected
from lit_pretrain.types import Edges, GraphBatch


def batch_of(graphs: list[networkx.Graph], types: list[int] | None = None, orders: list[int] | None = None) -> GraphBatch:
    joined = networkx.disjoint_union_all(graphs)
    pairs = [pair for a, b in joined.edges for pair in ((a, b), (b, a))]
    edges, order = Edges.of(torch.tensor(pairs, dtype=torch.long).view(-1, 2).T, len(joined))
    found = None if orders is None else torch.tensor(orders).repeat_interleave(2)[order, None]
    features = torch.tensor(types or [0] * len(joined), dtype=torch.long)[:, None]
    return GraphBatch(features, edges, tuple(map(len, graphs)), found)


def test_connected_graphs_are_networkx_connected_graphs():
    graphs = [networkx.gnp_random_graph(n, 3 / n, seed=n) for n in range(2, 60)]
    graphs += [networkx.path_graph(50), networkx.star_graph(20), networkx.empty_graph(1), networkx.empty_graph(2)]
    expected = [networkx.is_connected(graph) for graph in graphs]
    assert connected(batch_of(graphs)).tolist() == expected and 5 < sum(expected) < len(graphs) - 5
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0)).tolist()
    assert connected(batch_of([networkx.relabel_nodes(networkx.path_graph(50), dict(enumerate(order)))])).all()


def test_a_graph_without_nodes_is_not_valid():
    empty = networkx.empty_graph(0)
    assert GraphValidity()(batch_of([empty, networkx.path_graph(3), empty])).tolist() == [False, True, False]
    assert GraphValidity([4])(batch_of([empty])).tolist() == [False]


def test_valences():
    """Carbon, oxygen, hydrogen, and bonds that count 1, 2 and 1.5."""
    validity = GraphValidity([4, 2, 1], [1, 2, 1.5])
    pair, triple = networkx.path_graph(2), networkx.path_graph(3)
    ring = networkx.cycle_graph(3)
    molecules = [pair, pair, triple, triple, ring]
    types = [0, 1, 0, 2, 1, 0, 1, 0, 1, 0, 0, 0, 0]
    bonds = [1, 1, 1, 1, 0, 1, 2, 2, 2]  # C=O, C=H, O=C=O, C-O=C, three aromatic bonds
    assert validity(batch_of(molecules, types, bonds)).tolist() == [True, False, True, False, True]
    alone = GraphValidity([4, 2, 1])
    assert alone(batch_of([triple, triple], [0, 1, 0, 0, 2, 0])).tolist() == [True, False]


def test_wrong_tables():
    with pytest.raises(ValueError, match="there are none"):
        GraphValidity(bond_orders=[1])
    with pytest.raises(ValueError, match="nodes have types up to 3"):
        GraphValidity([4])(batch_of([networkx.path_graph(2)], [0, 3]))
    with pytest.raises(ValueError, match="edges of these graphs have no type"):
        GraphValidity([4], [1])(batch_of([networkx.path_graph(2)]))
