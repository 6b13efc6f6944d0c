"""Graphs in memory: what is mended, what is refused, and batches that are the graphs laid end to end."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lit_pretrain.datamodules.graph.graph import Graph, sound, undirected
from lit_pretrain.datamodules.graph.graphs import Graphs, NodeGraph
from lit_pretrain.datamodules.unreadable import Unreadable

NOTHING = np.zeros((2, 0), np.int64)


def ring(nodes: int, label: object = None, kinds: bool = False) -> Graph:
    index = undirected(np.stack([np.arange(nodes), (np.arange(nodes) + 1) % nodes]))
    features = np.arange(nodes)[:, None] if kinds else np.random.default_rng(nodes).standard_normal((nodes, 2), np.float32)
    edge_features = np.arange(2 * nodes, dtype=np.float32)[:, None]
    return Graph(features, index, edge_features, label)


def test_self_loops_go_and_equal_edges_become_one_with_the_first_ones_features():
    index = np.array([[2, 0, 1, 2, 1, 0], [1, 1, 1, 1, 0, 2]])
    found = sound(Graph(np.zeros((4, 1)), index, np.arange(6.0)[:, None]), "one")
    assert found.index.tolist() == [[1, 0, 2, 0], [0, 1, 1, 2]]  # by target, then source
    assert found.edge_features[:, 0].tolist() == [4, 1, 0, 5] and len(found.features) == 4  # node 3 stays, alone


@pytest.mark.parametrize("nodes", [1, 5])
def test_graphs_without_edges_are_sound(nodes):
    found = sound(Graph(np.zeros((nodes, 2), np.float32), NOTHING), "one")
    batch = Graphs.of([("one", found), ("two", ring(3))][:1]).batch(np.array([0]))
    assert batch.lengths == (nodes,) and len(batch.edges) == 0 and batch.edges.num_nodes == nodes
    assert batch.edges.matrix.to_dense().shape == (nodes, nodes)


def test_numbers_get_the_types_of_batches():
    found = sound(Graph(np.zeros((3, 2)), np.array([[0, 1], [1, 0]], np.int32), np.ones((2, 1), np.uint8)), "one")
    assert (found.features.dtype, found.index.dtype, found.edge_features.dtype) == (np.float32, np.int64, np.int64)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (Graph(np.zeros((0, 2)), NOTHING), "no nodes"),
        (Graph(np.zeros(3), NOTHING), r"features of shape \(3,\)"),
        (Graph(np.zeros((3, 2)), np.zeros((3, 2), np.int64)), r"edges of shape \(3, 2\)"),
        (Graph(np.zeros((3, 2)), np.array([[0, 2], [1, 3]])), r"edge \[2, 3\] leads to a node that is none of its 3"),
        (Graph(np.zeros((3, 2)), np.array([[0, -1], [1, 0]])), r"edge \[-1, 0\]"),
        (Graph(np.zeros((3, 2)), np.array([[0.0], [1.0]])), "these are float64"),
        (Graph(np.array([[0.0], [np.nan]]), NOTHING), "features of node 1 are no numbers"),
        (Graph(np.array([[np.inf], [0.0]]), NOTHING), "features of node 0 are no numbers"),
        (Graph(np.array([["a"]]), NOTHING), "features of nodes are <U1"),
        (Graph(np.zeros((2, 1)), np.array([[0], [1]]), np.array([[np.nan]])), "features of edge 0 are no numbers"),
        (Graph(np.zeros((2, 1)), np.array([[0], [1]]), np.zeros((2, 1))), r"\(2, 1\) are no \(E, C\) with E=1"),
        (Graph(np.zeros((2, 1)), np.array([[0], [1]]), np.zeros(1)), r"\(1,\) are no \(E, C\)"),
    ],
)
def test_the_unsound_is_named(graph, message):
    with pytest.raises(Unreadable, match=message) as problem:
        sound(graph, "graph 7")
    assert problem.value.name == "graph 7"
    found = Graphs.of([("good", Graph(np.ones((1, 2)), NOTHING)), ("graph 7", graph)])
    assert len(found) == 1 and [name for name, _ in found.unreadable] == ["graph 7"]
    with pytest.raises(ValueError, match=message):
        NodeGraph.of(graph, "the graph", None, {})


def test_what_is_unlike_the_first_graph_is_named():
    line = np.array([[0], [1]])
    others = [
        Graph(np.zeros((2, 3)), line, np.zeros((1, 1))),
        Graph(np.zeros((2, 2), int), line, np.zeros((1, 1))),
        Graph(np.zeros((2, 2)), line),
        Graph(np.zeros((2, 2)), line, np.zeros((1, 4))),
        Graph(np.zeros((2, 2)), line, np.zeros((1, 1)), np.zeros(2)),
    ]
    found = Graphs.of([("first", ring(3, 1.0)), *((f"other {i}", graph) for i, graph in enumerate(others))])
    assert len(found) == 1 and [name for name, _ in found.unreadable] == [f"other {i}" for i in range(5)]
    wanted = [
        "features of nodes are 3 numbers of type float32, and of the first graph 2",
        "features of nodes are 2 numbers of type int64",
        "features of edges are none, and of the first graph 1 numbers of type float32",
        "features of edges are 4",
        "a label of shape (2,), and of the first graph ()",
    ]
    assert all(reason.startswith(part) for part, (_, reason) in zip(wanted, found.unreadable, strict=True))


def test_graphs_without_edges_need_no_features_of_edges():
    lonely = Graph(np.zeros((1, 2)), NOTHING)
    found = Graphs.of(
        [("lonely", lonely), ("ring", ring(3)), ("lonely too", replace(lonely, edge_features=np.zeros((0, 5))))]
    )
    assert len(found) == 3 and found.edge_features.shape == (6, 1) and found.unreadable == ()
    assert Graphs.of([("lonely", lonely)]).edge_features is None


def test_what_a_source_could_not_read_is_named():
    found = Graphs.of([("line 3", Unreadable("line 3", "cut")), ("ring", ring(3))])
    assert len(found) == 1 and found.unreadable == (("line 3", "cut"),)


@pytest.mark.parametrize(
    ("labels", "wanted", "kind"),
    [
        ([None, None], None, None),
        ([2, None], [2, -1], np.int64),
        ([True, False], [1, 0], np.int64),
        ([0.5, None], [0.5, np.nan], np.float32),
        ([1, 0.5], [1.0, 0.5], np.float32),
        ([None, np.array([1.0, 0.0])], [[np.nan, np.nan], [1.0, 0.0]], np.float32),
    ],
)
def test_labels_of_graphs(labels, wanted, kind):
    found = Graphs.of((str(i), ring(3, label)) for i, label in enumerate(labels)).labels
    if wanted is None:
        assert found is None
    else:
        assert found.dtype == kind
        np.testing.assert_array_equal(found, np.array(wanted, kind))


@pytest.mark.parametrize("kinds", [False, True])
def test_a_batch_is_its_graphs_end_to_end(kinds):
    graphs = [ring(size, size % 3, kinds) for size in (3, 5, 4, 6)]
    batch = Graphs.of((str(i), graph) for i, graph in enumerate(graphs)).batch(np.array([2, 0, 3]))
    assert batch.lengths == (4, 3, 6) and batch.index.tolist() == [2, 0, 3] and batch.labels.tolist() == [1, 0, 0]
    start = 0
    for number, length in zip([2, 0, 3], batch.lengths, strict=True):
        alone = sound(graphs[number], "")
        inside = (batch.edges.targets >= start) & (batch.edges.targets < start + length)
        assert torch.equal(batch.edges.index[:, inside] - start, torch.from_numpy(alone.index))
        assert torch.equal(batch.edge_features[inside], torch.from_numpy(alone.edge_features))
        assert torch.equal(batch.features[start : start + length], torch.from_numpy(alone.features))
        start += length


def test_a_batch_with_an_unknown_class_has_no_labels_and_one_with_an_unknown_number_has():
    classes = Graphs.of((str(i), ring(3, label)) for i, label in enumerate([0, None, 1]))
    assert classes.batch(np.array([0, 1])).labels is None and classes.batch(np.array([2, 0])).labels.tolist() == [1, 0]
    numbers = Graphs.of((str(i), ring(3, label)) for i, label in enumerate([0.5, None]))
    assert numbers.batch(np.array([0, 1])).labels.isnan().tolist() == [False, True]


def test_no_graphs():
    assert len(Graphs.of([])) == 0 and Graphs.of([]).labels is None


def test_one_graph():
    graph = NodeGraph.of(ring(5), "ring", np.array([0, 1, -1, 1, 0]), {"train": np.array([0, 1])})
    batch = graph.batch(torch.tensor([3, 0]))
    assert batch.seeds.tolist() == batch.index.tolist() == [3, 0] and batch.labels.tolist() == [1, 0]
    assert batch.lengths == (5,) and batch.nodes.tolist() == [0, 1, 2, 3, 4] and graph.labels_of(torch.tensor([2])) is None
    with pytest.raises(ValueError, match="4 labels for 5 nodes"):
        NodeGraph.of(ring(5), "ring", np.zeros(4, int), {})
    with pytest.raises(ValueError, match="split 'test' has node 5, and there are 5"):
        NodeGraph.of(ring(5), "ring", None, {"test": np.array([5])})
