"""GCC: two ego nets of one root agree, against other roots or a queue."""

from itertools import pairwise

import networkx
import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.corruptions.graph.restart_walks import RestartWalks
from lit_pretrain.encoders.ego_nets import EgoNets
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.ego import EgoFeatures
from lit_pretrain.nn.queue import Queue
from lit_pretrain.objectives.graph.gcc import GCC
from lit_pretrain.types import Edges, GraphBatch

WALKS = RestartWalks(0.3, 12)


def network() -> EgoNets:
    torch.manual_seed(0)
    return EgoNets(PyGEncoder(EgoFeatures(8), dim=16), WALKS)


def seen(model: GCC, batch: GraphBatch) -> list[GraphBatch]:
    """The two batches of ego nets of a step."""
    found = []
    model.encoder.register_forward_pre_hook(lambda _, args: found.append(args[0]))
    model.loss(batch)
    return found


@pytest.mark.parametrize("kind", ["graphs", "nodes"])
def test_both_views_are_ego_nets_of_the_same_roots(kind, request):
    """Walks that are long enough to meet all of a root's component give the same net twice."""
    batch = request.getfixturevalue(kind)
    short, long = (GCC(network(), walks=RestartWalks(0.1, steps)) for steps in (2, 500))
    first, second = seen(long, batch)
    assert first.lengths == second.lengths and torch.equal(first.roots, second.roots)
    assert torch.equal(first.edges.index, second.edges.index) and len(first.lengths) == batch.num_examples
    one, other = seen(short, batch)
    assert one.lengths != other.lengths or not torch.equal(one.edges.index, other.edges.index), "drawn anew"


def vectors(model: GCC, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Of both views, as the model's next loss will draw them from seed 3."""
    generator = torch.Generator().manual_seed(3)
    roots = batch.seeds
    nets = [model.walks(batch, roots, generator) for _ in range(2)]
    model.generator.manual_seed(3)
    return tuple(F.normalize(model.encoder(net).pooled, dim=1) for net in nets)


def test_other_roots_are_negatives(nodes):
    model = GCC(network(), walks=WALKS, temperature=0.3)
    q, k = vectors(model, nodes)
    expected = -torch.stack([(q[i] @ k[i] / 0.3) - (k @ q[i] / 0.3).logsumexp(0) for i in range(8)]).mean()
    term = model.loss(nodes)["gcc"]
    assert term.count == 8
    torch.testing.assert_close(term.sum / 8, expected)
    assert model.teacher is None


def test_the_queue_holds_the_negatives(nodes):
    model = GCC(network(), walks=WALKS, temperature=0.3, queue=Queue(20, 16), momentum=0.9)
    q, k = vectors(model, nodes)  # the teacher is a copy still
    n = F.normalize(model.queue(), dim=1)
    logits = [torch.cat([(q[i] @ k[i])[None], n @ q[i]]) / 0.3 for i in range(8)]
    expected = torch.stack([x.logsumexp(0) - x[0] for x in logits]).mean()
    torch.testing.assert_close(model.loss(nodes)["gcc"].sum / 8, expected)
    model.after_step()
    torch.testing.assert_close(model.queue()[:8], k.detach())
    torch.testing.assert_close(model.queue()[8:], n[8:])


def test_a_queue_grows_by_steps_of_training_alone_and_resumes(nodes):
    model, again = (GCC(network(), walks=WALKS, queue=Queue(20, 16)) for _ in range(2))
    for _ in range(2):  # two micro-batches of a step
        model.loss(nodes)
    assert int(model.queue.next) == 0
    model.after_step()
    assert int(model.queue.next) == 16
    model.eval().loss(nodes)
    model.train().after_step()
    assert int(model.queue.next) == 16
    again.load_state_dict(model.state_dict())
    losses = []
    for one in (model, again):
        one.generator.manual_seed(1)
        losses.append(one.loss(nodes)["gcc"].sum)
        one.after_step()
    assert torch.equal(*losses) and torch.equal(model.queue(), again.queue()) and int(again.queue.next) == 4


def test_the_teacher_follows_without_gradients(nodes):
    model = GCC(network(), walks=WALKS, queue=Queue(20, 16), momentum=0.9)
    model.loss(nodes)["gcc"].sum.backward()
    assert all(p.grad is None for p in model.teacher.parameters())
    before = [p.clone() for p in model.teacher.parameters()]
    for parameter in model.encoder.parameters():
        parameter.data.add_(1.0)
    model.after_step()
    for old, new, student in zip(before, model.teacher.parameters(), model.encoder.parameters(), strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * student)


@pytest.mark.parametrize("queue", [None, 20])
def test_gradients_reach_the_encoder(graphs, queue):
    model = GCC(network(), walks=WALKS, queue=queue and Queue(queue, 16))
    model.loss(graphs)["gcc"].sum.backward()
    for name, parameter in model.encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_numbers_of_nodes_do_not_count(nodes, relabelled):
    """Walks as long as to meet all: the draws do not matter, and so the loss is of the structure alone."""
    model = GCC(network(), walks=RestartWalks(0.1, 500), temperature=0.3)
    other, _ = relabelled(nodes)
    torch.testing.assert_close(model.loss(other)["gcc"].sum, model.loss(nodes)["gcc"].sum, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def loss(model: GCC, batch: GraphBatch) -> float:
    model.generator.manual_seed(9)
    return float(model.loss(batch)["gcc"].sum)


def test_what_is_learned_transfers_to_graphs_of_other_features():
    """Trained on trees and complete graphs that hang together, it tells ego nets of another such graph apart."""

    def world(parts: int, seed: int, columns: int) -> tuple[GraphBatch, torch.Tensor]:
        tree, complete = networkx.random_labeled_tree, networkx.complete_graph(7)
        graphs = [tree(9, seed=seed + i) if i % 2 else complete for i in range(parts)]
        whole, starts = networkx.disjoint_union_all(graphs), torch.tensor([0, *(len(g) for g in graphs)]).cumsum(0)
        whole.add_edges_from(pairwise(starts[:-1].tolist()))
        one_way = torch.tensor(list(whole.edges)).T
        edges, _ = Edges.of(torch.cat([one_way, one_way.flip(0)], 1), len(whole))
        kind = torch.cat([torch.full((len(g),), i % 2) for i, g in enumerate(graphs)])
        features = torch.rand(len(whole), columns)
        return GraphBatch(features, edges, (len(whole),), seeds=torch.arange(len(whole))), kind

    (here, kind), (there, other) = world(6, 0, 3), world(8, 50, 11)
    model = GCC(network(), walks=WALKS)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    before = loss(model, there)
    for _ in range(15):
        optimizer.zero_grad()
        (model.loss(here)["gcc"].sum / here.num_examples).backward()
        optimizer.step()
    assert loss(model, there) < 0.9 * before
    with torch.no_grad():
        known, asked = (F.normalize(model.encode(x).pooled, dim=1) for x in (here, there))
    nearest = (asked @ known.T).argmax(1)
    assert float((kind[nearest] == other).float().mean()) > 0.9


def test_mistakes():
    with pytest.raises(ValueError, match=r"temperature=0"):
        GCC(network(), temperature=0)
    with pytest.raises(ValueError, match=r"roots=1"):
        GCC(network(), roots=1)
