"""EdgeMask: what is left out is known as an edge, what is drawn beside it is none."""

import networkx
import pytest
import torch

from lit_pretrain.nn.graph_task.edge_mask import EdgeMask


def test_edges_are_left_out_both_ways(drawn, make, generator):
    batch = make([drawn])
    view = EdgeMask(4, ratio=0.25).corrupt(batch, generator)
    before, after = set(drawn.edges), {tuple(e) for e in view.graph.edges.index.T.tolist()}
    dropped = {tuple(e) for e in view.dropped.T.tolist()}
    assert len(dropped) == -(-len(before) // 4) and dropped <= before
    assert after == {e for a, b in before - dropped for e in ((a, b), (b, a))}
    assert torch.equal(view.graph.features, batch.features)


def test_other_pairs_have_no_edge_and_lie_in_one_graph(drawn, make, generator):
    batch = make([drawn, networkx.cycle_graph(6), networkx.complete_graph(5)])
    pairs, found = EdgeMask(4).no_edges(batch, 500, generator)
    whole = networkx.disjoint_union_all([drawn, networkx.cycle_graph(6), networkx.complete_graph(5)])
    graph = batch.graphs.example
    for (a, b), free in zip(pairs.T.tolist(), found.tolist(), strict=True):
        assert graph[a] == graph[b] and (not free or (a != b and not whole.has_edge(a, b)))
    assert found[graph[pairs[0]] == 0].float().mean() > 0.95 and not found[graph[pairs[0]] == 2].any()


def test_the_loss_falls_where_linked_nodes_are_alike(make, generator):
    """Two cliques: a vector that tells them apart tells edges."""
    batch, task = make([networkx.disjoint_union(*[networkx.complete_graph(8)] * 2)]), EdgeMask(1, 0.5)
    with torch.no_grad():
        task.head.weight.copy_(torch.tensor([[9.0], [-9.0]]))
        task.head.bias.copy_(torch.tensor([-4.0, 4.0]))
    view = task.corrupt(batch, generator)
    side = (torch.arange(16) >= 8).float()[:, None]
    right = task.loss(side, batch, view, generator)
    assert right.count.sum() > 100 and right.sum.sum() / right.count.sum() < 0.05
    wrong = task.loss(torch.arange(16).remainder(2).float()[:, None], batch, view, generator)
    assert wrong.sum.sum() / wrong.count.sum() > 1


def test_a_ratio_is_a_share():
    with pytest.raises(ValueError, match=r"ratio=1.0"):
        EdgeMask(4, 1.0)
