"""Convolutions of torch-geometric by name, on our edges."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.graph.context import GraphContext
from lit_pretrain.nn.graph.message_passing import MessagePassing
from lit_pretrain.nn.position.base import Position

CONVS = {
    "GINConv": {"train_eps": True},
    "GINEConv": {"edge_dim": 1},
    "GCNConv": {},
    "GATConv": {"heads": 2, "concat": False, "edge_dim": 1},
    "SAGEConv": {},
    "ResGatedGraphConv": {"edge_dim": 1},
    "GatedGraphConv": {"num_layers": 2},
    "PNAConv": {"aggregators": ["mean", "max"], "scalers": ["identity"], "deg": [1, 2, 3]},
    "GENConv": {},
}


@pytest.mark.parametrize("name", CONVS)
def test_equals_the_convolution_on_pairs(name, graphs):
    local = MessagePassing(8, name, CONVS[name]).eval()
    more = {"edge_attr": graphs.edge_features.float()} if "edge_dim" in CONVS[name] else {}
    expected = local.conv(graphs.features, graphs.edges.index, **more)
    found = local(graphs.features, GraphContext.of(graphs))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert found.shape == (12, 8)


def test_features_of_edges_matter_where_asked_for(graphs):
    local = MessagePassing(8, "GINEConv", {"edge_dim": 1})
    other = replace(graphs, edge_features=graphs.edge_features + 1)
    assert not torch.allclose(*(local(graphs.features, GraphContext.of(g)) for g in (graphs, other)))
    with pytest.raises(ValueError, match="edges of these data have no features"):
        local(graphs.features, GraphContext.of(replace(graphs, edge_features=None)))


def test_mistakes_are_named(graphs):
    with pytest.raises(ValueError, match=r"conv='GNIConv' is no convolution .* GINConv"):
        MessagePassing(8, "GNIConv")
    with pytest.raises(ValueError, match="GATConv says"):
        MessagePassing(8, "GATConv", {"hats": 2})
    with pytest.raises(ValueError, match="put it into a GraphTransformer"):
        MessagePassing(8)(graphs.features, Context(graphs.graphs, Position()))
