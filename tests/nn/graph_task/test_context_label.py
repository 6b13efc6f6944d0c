"""ContextLabel: shares of classes among the nodes within two edges."""

import copy

import networkx
import pytest
import torch

from lit_pretrain.nn.graph_task.context_label import ContextLabel, propagated


def shares(graph: networkx.Graph, classes: torch.Tensor, count: int) -> torch.Tensor:
    found = torch.zeros(len(graph), count)
    for node in graph:
        around = set(networkx.single_source_shortest_path_length(graph, node, 2)) - {node}
        for other in around:
            found[node, classes[other]] += 1 / len(around)
    return found


def test_shares_of_categories(drawn, make, generator):
    features = torch.randint(3, (40, 2), generator=generator)
    batch, task = make([drawn], features), ContextLabel(3, classes=3)
    wanted = shares(drawn, features[:, 0], 3)
    with torch.no_grad():
        task.head.weight.copy_(torch.eye(3))
        task.head.bias.zero_()
    found = task.loss(wanted.clamp(min=1e-9).log(), batch, task.corrupt(batch, generator), generator)
    assert found.count.tolist() == [float(drawn.degree(n) > 0) for n in drawn] and 0 < found.count.sum() < 40
    assert found.sum.max() < 1e-6
    assert task.loss(torch.zeros(40, 3), batch, task.corrupt(batch, generator), generator).sum.sum() > 5
    with pytest.raises(ValueError, match="give more classes"):
        ContextLabel(3, classes=2).classes_of(batch)


def test_labels_spread_to_the_unlabelled(make):
    """Two paths, each with one labelled end, and a lonely node that nothing reaches."""
    graph = networkx.disjoint_union_all([networkx.path_graph(4), networkx.path_graph(3), networkx.empty_graph(1)])
    labels = torch.tensor([1, -1, -1, -1, -1, -1, 0, -1])
    batch = make([graph], seeds=torch.arange(8), labels=labels)
    expected = torch.tensor([[0.0, 1.0]] * 4 + [[1.0, 0.0]] * 3 + [[0.0, 0.0]])
    torch.testing.assert_close(propagated(batch, 2), expected)
    task = ContextLabel(2, classes=2, labels="labels")
    torch.testing.assert_close(task.classes_of(batch), expected)
    with pytest.raises(ValueError, match="set labels='features'"):
        task.classes_of(batch.whole())


def test_clusters_are_fitted_once_and_travel_with_the_weights(drawn, make, generator):
    features = torch.cat([torch.randn(20, 2) + 9, torch.randn(20, 2) - 9])
    halves = networkx.disjoint_union(networkx.complete_graph(20), networkx.complete_graph(20))
    batch, task = make([halves], features), ContextLabel(2, classes=2, features=2)
    found = task.clusters(batch)
    assert found[:20].unique().numel() == found[20:].unique().numel() == 1 and found[0] != found[20]
    means = task.means.clone()
    task.clusters(make([halves], features + 5))
    assert torch.equal(task.means, means)
    other = ContextLabel(2, classes=2, features=2)
    other.load_state_dict(copy.deepcopy(task.state_dict()))
    assert torch.equal(other.clusters(batch), found) and torch.equal(other.means, means)
    with pytest.raises(ValueError, match="was made for 3"):
        ContextLabel(2, classes=2, features=3).clusters(batch)
