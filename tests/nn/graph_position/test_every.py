"""What every encoding promises: rows follow the nodes, no graph sees another, and any network of graphs takes it."""

import pytest
import torch

from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.graph_position.degree import Degree
from lit_pretrain.nn.graph_position.electrostatic import Electrostatic
from lit_pretrain.nn.graph_position.heat_kernel import HeatKernel
from lit_pretrain.nn.graph_position.laplacian import Laplacian
from lit_pretrain.nn.graph_position.personalised_page_rank import PersonalisedPageRank
from lit_pretrain.nn.graph_position.random_walk import RandomWalk
from lit_pretrain.nn.graph_position.rrwp import RRWP
from lit_pretrain.nn.graph_position.sign_net import SignNet
from lit_pretrain.nn.nodes.linear import Linear
from lit_pretrain.nn.nodes.positioned import Positioned
from lit_pretrain.part import build, spec

EVERY = (Degree, Electrostatic, HeatKernel, Laplacian, PersonalisedPageRank, RandomWalk, RRWP, SignNet)
each = pytest.mark.parametrize("kind", EVERY)


@each
def test_rows_follow_the_nodes(kind, graphs):
    position = kind().eval()
    other, order = graphs.relabelled()
    found = position(graphs.batch)
    assert found.shape == (graphs.batch.num_nodes, position.dim) and found.dtype == torch.float32
    torch.testing.assert_close(position(other.batch), found[order], rtol=1e-4, atol=1e-4)


@each
def test_no_graph_sees_another(kind, graphs):
    position = kind().eval()
    alone = torch.cat([position(type(graphs)([a]).batch) for a in graphs.matrices])
    torch.testing.assert_close(position(graphs.batch), alone, rtol=1e-4, atol=1e-5)


@each
def test_any_network_takes_it(kind, graphs):
    nodes = Positioned(Linear(1, 4), [kind()], 12)
    encoder = build(spec(PyGEncoder(nodes, model="GIN", dim=8, num_layers=2)))
    encoded = encoder(graphs.batch)
    encoded.pooled.square().sum().backward()
    assert encoded.pooled.shape == (3, 8) and torch.isfinite(encoded.units).all()
    assert encoder.nodes.linear.weight.grad[:, 4:].abs().sum() > 0


@each
def test_a_graph_without_edges_has_finite_numbers(kind, graphs):
    batch = graphs.batch
    batch = batch.without_edges(torch.ones(len(batch.edges), dtype=torch.bool))
    assert torch.isfinite(kind()(batch)).all()
