"""Clusters against a merging of sets, node by node, and against the maximum spanning tree."""

import networkx as nx
import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.nn.graph_tokenizer.affinity_clusters import AffinityClusters, clusters
from lit_pretrain.types import Edges, GraphBatch


def network(x, edges):
    unit, found = F.normalize(x, dim=1), nx.Graph()
    found.add_nodes_from(range(len(x)))
    for s, t in edges.index.T.tolist():
        found.add_edge(s, t, weight=float((unit[min(s, t)] * unit[max(s, t)]).sum()))
    return found


def by_hand(x, edges, levels):
    """Each cluster merges with the one at the other end of its strongest edge, all at once."""
    graph, sets, found = network(x, edges), [{i} for i in range(len(x))], []
    for _ in range(levels):
        merged = nx.Graph()
        merged.add_nodes_from(range(len(sets)))
        for i, own in enumerate(sets):
            out = [(d["weight"], v) for u in own for v, d in graph[u].items() if v not in own]
            if out:
                merged.add_edge(i, next(j for j, other in enumerate(sets) if max(out)[1] in other))
        sets = [set().union(*(sets[i] for i in group)) for group in nx.connected_components(merged)]
        found.append([min(next(own for own in sets if i in own)) for i in range(len(x))])
    return found


def test_equals_merging_by_hand(graphs):
    found = [level.tolist() for level in clusters(graphs.features, graphs.edges, 5)]
    assert found == by_hand(graphs.features, graphs.edges, 5)


def test_equals_merging_by_hand_in_many_rounds():
    torch.manual_seed(0)
    line = torch.stack([torch.arange(99), torch.arange(1, 100)])
    edges, _ = Edges.of(torch.cat([line, line.flip(0)], 1), 100)
    x = torch.randn(100, 3)
    found = [level.tolist() for level in clusters(x, edges, 6)]
    assert found == by_hand(x, edges, 6)
    counts = [len(set(level)) for level in found]
    assert all(2 * after <= before for before, after in zip([100, *counts[:-1]], counts, strict=True) if before > 1)
    assert counts[2] > 1


def test_ends_with_what_is_connected(graphs):
    last = clusters(graphs.features, graphs.edges, 5)[-1]
    parts = nx.connected_components(network(graphs.features, graphs.edges))
    assert sorted(map(sorted, parts)) == [(last == c).nonzero()[:, 0].tolist() for c in last.unique()]


def test_one_way_edges_and_equal_nodes_are_merged_too():
    edges, _ = Edges.of(torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]), 5)
    assert clusters(torch.ones(5, 2), edges, 3)[-1].tolist() == [0, 0, 0, 0, 4]
    nothing, _ = Edges.of(torch.zeros(2, 0, dtype=torch.long), 3)
    assert clusters(torch.ones(3, 2), nothing, 2)[-1].tolist() == [0, 1, 2]


def test_tokens_are_means_from_the_graph_to_the_node(graphs):
    tokens = AffinityClusters(2)(graphs.features, graphs)
    found, x = tokens.vectors.view(26, 4, 6), graphs.features
    near, far = clusters(x, graphs.edges, 2)
    for i in range(26):
        own = [graphs.graphs.example == graphs.graphs.example[i], far == far[i], near == near[i]]
        expected = torch.stack([*(x[nodes].mean(0) for nodes in own), x[i]])
        torch.testing.assert_close(found[i], expected)
    torch.testing.assert_close(tokens.vectors[tokens.nodes], x)


@pytest.mark.parametrize("levels", [1, 3])
def test_relabelling_relabels_the_sequences(levels, graphs, relabelled):
    other, order = relabelled(graphs)
    tokenizer = AffinityClusters(levels)
    found = tokenizer(graphs.features, graphs).vectors.view(26, -1, 6)
    torch.testing.assert_close(tokenizer(other.features, other).vectors.view(26, -1, 6), found[order])


def test_no_graph_sees_another(graphs):
    tokenizer = AffinityClusters(2)
    keep = graphs.graphs.example == 1
    alone = graphs.without_nodes(~keep)
    found = tokenizer(graphs.features, graphs).vectors.view(26, 4, 6)[keep]
    torch.testing.assert_close(tokenizer(alone.features, alone).vectors.view(-1, 4, 6), found)


def test_gradients_pass_the_means(graphs):
    x = graphs.features.clone().requires_grad_()
    AffinityClusters(2)(x, GraphBatch(x, graphs.edges, graphs.lengths)).vectors.view(26, 4, 6)[3, 0].sum().backward()
    assert (x.grad.abs().sum(1) > 0).tolist() == [True] * 7 + [False] * 19
