"""Context prediction: the ring is between two distances, anchors are in both parts, false rings are of others."""

from dataclasses import replace

import networkx
import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.objectives.graph.context_prediction import ContextPrediction
from lit_pretrain.types import Edges, GraphBatch

HOPS = {"hops": 2, "inner": 1, "outer": 3}


def tree(nodes: int, seed: int) -> networkx.Graph:
    return networkx.random_labeled_tree(nodes, seed=seed)


def batch_of(*graphs: networkx.Graph) -> GraphBatch:
    one_way = torch.tensor(list(networkx.disjoint_union_all(graphs).edges)).T
    lengths = tuple(len(g) for g in graphs)
    edges, _ = Edges.of(torch.cat([one_way, one_way.flip(0)], 1), sum(lengths))
    draws = torch.Generator().manual_seed(0)
    return GraphBatch(torch.randn(sum(lengths), 5, generator=draws), edges, lengths)


@pytest.fixture
def trees() -> GraphBatch:
    return batch_of(tree(15, 1), tree(18, 2), tree(16, 3))


@pytest.fixture
def model(encoder) -> ContextPrediction:
    return ContextPrediction(encoder, PyGEncoder(Raw(5), dim=8), **HOPS)


def parts(model: ContextPrediction, batch: GraphBatch) -> tuple[GraphBatch, GraphBatch]:
    """The neighbourhoods and the rings that the encoders get."""
    found = []
    both = (model.encoder, model.context_encoder)
    hooks = [x.register_forward_pre_hook(lambda _, args: found.append(args[0])) for x in both]
    model.loss(batch)
    for hook in hooks:
        hook.remove()
    return tuple(found)


def distances(batch: GraphBatch, root: int) -> dict[int, int]:
    return networkx.single_source_shortest_path_length(networkx.Graph(batch.edges.index.T.tolist()), root)


def drawn(model: ContextPrediction, batch: GraphBatch, seed: int = 2) -> list[int]:
    """The root of each neighbourhood, found by its features."""
    model.generator.manual_seed(seed)
    near = model.near(batch)
    model.generator.manual_seed(seed)
    return near.node[near.distance == 0].tolist()


@pytest.mark.parametrize("hops, inner, outer", [(2, 1, 3), (3, 1, 4), (4, 2, 3), (1, 0, 2)])
@pytest.mark.parametrize("as_nodes", [False, True])
def test_parts_hold_exactly_the_nodes_at_their_distances(encoder, trees, hops, inner, outer, as_nodes):
    model = ContextPrediction(encoder, PyGEncoder(Raw(5), dim=8), hops=hops, inner=inner, outer=outer)
    batch = replace(trees, lengths=(49,), seeds=torch.arange(0, 49, 3)) if as_nodes else trees
    batch.nodes = torch.arange(49)
    roots = drawn(model, batch)
    balls, rings = parts(model, batch)
    assert len(balls.lengths) == len(rings.lengths) == len(roots) >= 2
    for root, ball, ring in zip(roots, balls.nodes.split(balls.lengths), rings.nodes.split(rings.lengths), strict=True):
        away = distances(batch, root)
        assert set(ball.tolist()) == {n for n, d in away.items() if d <= hops}
        assert set(ring.tolist()) == {n for n, d in away.items() if inner < d <= outer}
        anchors = {n for n, d in away.items() if inner < d <= min(hops, outer)}
        assert anchors and set(ball.tolist()) & set(ring.tolist()) == anchors
    for part in (balls, rings):
        assert torch.equal(part.features, batch.features[part.nodes])
        wanted = networkx.Graph(batch.edges.index.T.tolist())
        for graph, nodes in enumerate(part.nodes.split(part.lengths)):
            inside = part.graphs.example[part.edges.targets] == graph
            assert int(inside.sum()) == 2 * wanted.subgraph(nodes.tolist()).number_of_edges()


def test_the_loss_by_hand(model, trees):
    model.negatives, trees.nodes = 2, torch.arange(49)
    roots = drawn(model, trees)
    balls, rings = parts(model, trees)
    drawn(model, trees)
    found = model.loss(trees)
    units, context = model.encoder(balls).units, model.context_encoder(rings).units
    h, c = [], []
    for number, root in enumerate(roots):
        ball, ring = (part.graphs.example == number for part in (balls, rings))
        h.append(units[ball][balls.nodes[ball] == root][0])
        away = distances(trees, root)
        anchors = torch.tensor([away[n] == 2 for n in rings.nodes[ring].tolist()])
        c.append(context[ring][anchors].mean(0))
    own = -sum(F.logsigmoid(h[i] @ c[i]) for i in range(3))
    others = -sum(F.logsigmoid(-(h[i] @ c[j])) for i in range(3) for j in range(3) if i != j)
    torch.testing.assert_close(found["own"].sum, own)
    torch.testing.assert_close(found["others"].sum, others)
    assert found["own"].count == found["others"].count == 3


def test_false_rings_are_of_other_graphs(model, trees):
    """With one negative: the last graph's ring for the first, the first one's for the second, and so on."""
    model.generator.manual_seed(1)
    near = model.near(trees)
    assert trees.graphs.example[near.node[near.distance == 0]].tolist() == [0, 1, 2]


def test_roots_without_anchors_are_left_out(model):
    """A single edge has no node two edges away."""
    batch = batch_of(tree(15, 1), networkx.path_graph(2), tree(16, 3))
    model.generator.manual_seed(0)
    near = model.near(batch)
    assert near.num_roots == 2 and batch.graphs.example[near.node[near.distance == 0]].tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"inner=1"):
        model.loss(batch_of(networkx.path_graph(2), networkx.path_graph(2), tree(16, 3)))


def test_what_is_further_away_is_not_seen(model, trees):
    """A neighbourhood is cut out before it is encoded, so that an encoder of any depth sees no ring beyond it."""
    deep = ContextPrediction(PyGEncoder(Raw(5), dim=8, num_layers=6), model.context_encoder, **HOPS)
    deep.generator.manual_seed(3)
    near = deep.near(trees)
    inside = set(near.node[(near.distance <= 2) & (near.owner == 0)].tolist())
    far = torch.tensor([n not in inside for n in range(49)])
    changed = replace(trees, features=torch.where(far[:, None], torch.randn(49, 5), trees.features))
    assert torch.equal(deep.neighbourhoods(changed, near)[0], deep.neighbourhoods(trees, near)[0])
    assert not torch.equal(deep.contexts(changed, near)[0], deep.contexts(trees, near)[0])


def test_numbers_of_nodes_do_not_count(model, trees, relabelled):
    """With every node a root; negatives go by the order of roots, which is kept."""
    batch = replace(trees, lengths=(49,), seeds=torch.arange(49))
    other, _ = relabelled(batch)
    for name, term in model.loss(batch).items():
        torch.testing.assert_close(model.loss(other)[name].sum, term.sum)


def test_gradients_reach_both_encoders(model, trees):
    terms = model.loss(trees)
    (terms["own"].sum + terms["others"].sum).backward()
    for part in (model.encoder.model, model.context_encoder.model):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


def test_mistakes(encoder):
    with pytest.raises(ValueError, match=r"inner=2 must be below hops=2"):
        ContextPrediction(encoder, PyGEncoder(Raw(5), dim=8), hops=2, inner=2, outer=3)
    with pytest.raises(ValueError, match=r"negatives=0"):
        ContextPrediction(encoder, PyGEncoder(Raw(5), dim=8), negatives=0)
    with pytest.raises(ValueError, match="8 and 4 wide"):
        ContextPrediction(encoder, PyGEncoder(Raw(5), dim=4))
