"""What all encodings share: matrices with a limit, and results kept as long as the edges."""

import gc
import weakref

import pytest
import torch

from lit_pretrain.nn.graph_position import dense
from lit_pretrain.nn.graph_position.dense import Dense, once
from lit_pretrain.nn.graph_position.heat_kernel import HeatKernel
from lit_pretrain.types import Edges


def test_matrices_and_back(graphs):
    batch = graphs.batch
    found = Dense.of(batch)
    pairs, _ = Edges.of(batch.edges.index, batch.num_nodes)
    assert found.pairs(found.adjacency, pairs).eq(1).all() and found.adjacency.sum() == len(batch.edges)
    graphs.expect(found.nodes(found.adjacency.sum(2)), lambda a: a.sum(1))
    assert found.valid.sum() == batch.num_nodes


def test_one_way_edges_stay_where_asked(graphs):
    batch = graphs.batch
    batch = batch.without_edges(batch.edges.sources > batch.edges.targets)
    assert Dense.of(batch, directed=True).adjacency.sum() == len(batch.edges)
    graphs.expect(Dense.of(batch).nodes(Dense.of(batch).adjacency.sum(2)), lambda a: a.sum(1))


def test_too_large_graphs_are_refused(graphs, monkeypatch):
    monkeypatch.setattr(dense, "LIMIT", 500)
    with pytest.raises(ValueError, match="3 graphs of up to 14 nodes make matrices of 588 numbers, and the most is 500"):
        HeatKernel()(graphs.batch)


def test_is_computed_once_for_as_long_as_the_edges_live(graphs):
    batch, calls = graphs.batch, []

    def make(edges=batch.edges):
        calls.append(1)
        return edges.degrees * 2

    assert once(batch.edges, "a", make) is once(batch.edges, "a", make) and len(calls) == 1
    assert once(batch.edges, "b", make) is not once(batch.edges, "a", make)
    assert HeatKernel()(batch) is HeatKernel()(batch) is not HeatKernel((1.0,))(batch)
    gone = weakref.ref(batch.edges)
    del batch, make
    gc.collect()
    assert gone() is None, "what is kept must not keep the edges"


def test_a_validation_that_asks_first_does_not_spoil_training(graphs):
    batch, layer = graphs.batch, torch.nn.Linear(8, 2)
    with torch.inference_mode():
        HeatKernel()(batch)
    layer(HeatKernel()(batch)).sum().backward()
    assert layer.weight.grad.abs().sum() > 0
