"""InfoGraph: every pair of node and graph, checked one by one."""

import math

import pytest
import torch

from lit_pretrain.nn.head.projection import MLP
from lit_pretrain.nn.head.shortcut_mlp import ShortcutMLP
from lit_pretrain.objectives.graph.infograph import InfoGraph


@pytest.fixture
def model(encoder) -> InfoGraph:
    return InfoGraph(encoder, ShortcutMLP(8), ShortcutMLP(8))


def total(model: InfoGraph, batch) -> torch.Tensor:
    return sum(term.sum / term.count for term in model.loss(batch).values())


def test_it_is_the_jensen_shannon_estimate_pair_by_pair(model, graphs):
    encoded = model.encoder(graphs)
    local, whole = model.node_head(encoded.units), model.graph_head(encoded.pooled)
    own, others = [], []
    for u, node in enumerate(local.tolist()):
        for g, graph in enumerate(whole.tolist()):
            score = sum(a * b for a, b in zip(node, graph, strict=True))
            if graphs.layout.example[u] == g:
                own.append(math.log(2) - math.log1p(math.exp(-score)))
            else:
                others.append(math.log1p(math.exp(-score)) + score - math.log(2))
    information = sum(own) / len(own) - sum(others) / len(others)
    assert float(total(model, graphs)) == pytest.approx(2 * math.log(2) - information, rel=1e-4)
    assert {name: term.count for name, term in model.loss(graphs).items()} == {"own": 22, "others": 44}


def test_numbers_of_nodes_do_not_count(model, graphs, relabelled):
    torch.testing.assert_close(total(model, relabelled(graphs)[0]), total(model, graphs))


def test_gradients_reach_the_encoder_and_both_heads(model, graphs):
    total(model, graphs).backward()
    for part in (model.encoder.model, model.node_head, model.graph_head):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


def test_one_graph_has_no_others(model, graphs, nodes, alone):
    for batch in (nodes, alone(graphs, 1)):
        with pytest.raises(ValueError, match=r"holds one graph.*graphs_per_batch"):
            model.loss(batch)
    with pytest.raises(ValueError, match=r"8 numbers and graph_head 4"):
        InfoGraph(model.encoder, ShortcutMLP(8), MLP(8, 8, 4))
