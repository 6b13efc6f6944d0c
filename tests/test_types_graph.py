"""Graphs in a batch: edges against dense matrices, and what is left when nodes or edges are left out."""

import pytest
import torch

from lit_pretrain.types import Edges, GraphBatch


def random_index(nodes: int = 9, edges: int = 30, seed: int = 0) -> torch.Tensor:
    """(2, E) without repetition, in no order."""
    places = torch.randperm(nodes * nodes, generator=torch.Generator().manual_seed(seed))[:edges]
    return torch.stack([places // nodes, places % nodes])


def dense(index: torch.Tensor, nodes: int, values: torch.Tensor | None = None) -> torch.Tensor:
    """(N, N) targets by sources."""
    matrix = torch.zeros(nodes, nodes)
    matrix[index[1], index[0]] = torch.ones(index.shape[1]) if values is None else values
    return matrix


def random_batch(seeds: bool = False) -> tuple[GraphBatch, torch.Tensor]:
    """Three graphs of 3, 1 and 5 nodes (or one of 9 with seeds), and the dense matrix of edge features."""
    index, lengths = random_index(), torch.tensor([3, 1, 5])
    graph = torch.repeat_interleave(torch.arange(3), lengths)
    if not seeds:
        index = index[:, graph[index[0]] == graph[index[1]]]
    features = torch.arange(1.0, index.shape[1] + 1)
    edges, order = Edges.of(index, 9)
    batch = GraphBatch(
        torch.randn(9, 2), edges, (9,) if seeds else (3, 1, 5), features[order][:, None],
        torch.tensor([4, 0, 7]) if seeds else None, torch.arange(100, 109),
        labels=torch.arange(3), unit_labels=None,
    )  # fmt: skip
    return batch, dense(index, 9, features)


@pytest.mark.parametrize("edges", [0, 1, 30, 81])
def test_sorted_edges_are_the_dense_matrix(edges):
    index = random_index(9, edges)
    found, order = Edges.of(index, 9)
    assert torch.equal(found.index, index[:, order]) and len(found) == edges and found.num_nodes == 9
    assert torch.equal(found.index[1].sort().values, found.index[1]) and torch.equal(dense(found.index, 9), dense(index, 9))
    for node in range(9):
        own = found.sources[found.offsets[node] : found.offsets[node + 1]].tolist()
        assert own == sorted(dense(index, 9)[node].nonzero()[:, 0].tolist()) and found.degrees[node] == len(own)
    assert torch.equal(found.matrix.to_dense(), dense(index, 9))
    x = torch.randn(9, 4)
    torch.testing.assert_close(found.matrix @ x, dense(index, 9) @ x)


def test_the_order_says_where_each_edge_was_also_among_equal_ones():
    index = torch.tensor([[2, 0, 0, 1, 0], [1, 1, 1, 0, 1]])  # 0 -> 1 three times
    edges, order = Edges.of(index, 3)
    assert order.tolist() == [3, 1, 2, 4, 0] and edges.sources.tolist() == [1, 0, 0, 0, 2]
    assert edges.offsets.tolist() == [0, 1, 5, 5]


def test_reverse_is_the_transpose_and_knows_its_edges():
    edges, _ = Edges.of(random_index(), 9)
    back, places = edges.reverse
    assert torch.equal(back.matrix.to_dense(), edges.matrix.to_dense().T)
    assert torch.equal(edges.index[:, places].flip(0), back.index)
    again, back_again = back.reverse
    assert torch.equal(again.index, edges.index) and torch.equal(places[back_again], torch.arange(len(edges)))


def test_keep_leaves_the_chosen_edges():
    edges, _ = Edges.of(random_index(), 9)
    keep = torch.rand(len(edges), generator=torch.Generator().manual_seed(1)) < 0.5
    assert torch.equal(edges.keep(keep).index, edges.index[:, keep])
    none = edges.keep(torch.zeros(len(edges), dtype=torch.bool))
    assert len(none) == 0 and none.num_nodes == 9 and none.offsets.tolist() == [0] * 10


def test_edges_move():
    edges, _ = Edges.of(random_index(), 9)
    assert edges.to("cpu") is edges and edges.to("meta").sources.is_meta and edges.to("meta").offsets.is_meta


def test_units_are_nodes_of_graphs_or_seeds():
    graphs, _ = random_batch()
    assert graphs.num_examples == 3 and graphs.num_units == 9 and graphs.layout.lengths == (3, 1, 5)
    values = torch.randn(9, 2)
    assert graphs.of_units(values) is values and graphs.units_of_graphs.lengths == (3, 1, 5)
    nodes, _ = random_batch(seeds=True)
    assert nodes.num_examples == nodes.num_units == 3 and nodes.num_nodes == 9
    assert nodes.layout.lengths == (1, 1, 1) and nodes.graphs.lengths == (9,) and nodes.units_of_graphs.lengths == (3,)
    assert torch.equal(nodes.of_units(values), values[[4, 0, 7]])
    chosen = torch.tensor([True, False, True])
    assert nodes.of_nodes(chosen).nonzero()[:, 0].tolist() == [4, 7] and nodes.of_nodes(chosen).dtype == torch.bool
    assert torch.equal(nodes.of_units(nodes.of_nodes(chosen)), chosen)
    everything = torch.ones(9, dtype=torch.bool)
    assert graphs.of_nodes(everything) is everything


def test_other_seeds_drop_the_labels():
    batch, _ = random_batch(seeds=True)
    whole = batch.whole()
    assert whole.seeds is None and whole.labels is None and whole.num_units == 9 and batch.at(batch.seeds) is batch
    assert batch.at(torch.tensor([1])).num_examples == 1 and whole.whole() is whole


def test_without_edges():
    batch, features = random_batch()
    drop = torch.rand(len(batch.edges), generator=torch.Generator().manual_seed(2)) < 0.4
    left = batch.without_edges(drop)
    targets, sources = left.edges.index[1], left.edges.index[0]
    assert len(left.edges) == int((~drop).sum()) and left.num_nodes == 9 and left.lengths == (3, 1, 5)
    assert torch.equal(left.edge_features[:, 0], features[targets, sources])
    dropped = batch.edges.index[:, drop]
    assert not left.edges.matrix.to_dense()[dropped[1], dropped[0]].any() and torch.equal(left.labels, batch.labels)


@pytest.mark.parametrize("seeds", [False, True])
def test_without_nodes_is_a_submatrix(seeds):
    batch, features = random_batch(seeds)
    drop = torch.zeros(9, dtype=torch.bool)
    drop[[1, 3, 8] if not seeds else [1, 3, 5, 8]] = True
    left, keep = batch.without_nodes(drop), ~drop
    within = features[keep][:, keep]
    assert torch.equal(left.edges.matrix.to_dense(), (within > 0).float())
    assert torch.equal(left.edge_features[:, 0], within[left.edges.index[1], left.edges.index[0]])
    assert torch.equal(left.features, batch.features[keep]) and torch.equal(left.nodes, batch.nodes[keep])
    assert left.lengths == ((5,) if seeds else (2, 0, 4)) and torch.equal(left.labels, batch.labels)
    if seeds:
        assert torch.equal(left.nodes[left.seeds], batch.nodes[batch.seeds])
        assert torch.equal(left.of_units(left.features), batch.of_units(batch.features))
    nothing = batch.without_nodes(torch.zeros(9, dtype=torch.bool))
    assert torch.equal(nothing.edges.index, batch.edges.index) and nothing.lengths == batch.lengths


def test_all_nodes_of_a_batch_may_go():
    batch, _ = random_batch()
    left = batch.without_nodes(torch.ones(9, dtype=torch.bool))
    assert left.lengths == (0, 0, 0) and left.edges.num_nodes == 0 and len(left.edges) == 0 and left.num_examples == 3


def test_a_batch_moves_whole_and_stays_where_it_is():
    batch, _ = random_batch(seeds=True)
    moved = batch.to("meta")
    assert moved.features.is_meta and moved.edges.sources.is_meta and moved.seeds.is_meta and moved.labels.is_meta
    assert batch.to("cpu") is batch and moved.lengths == (9,)
