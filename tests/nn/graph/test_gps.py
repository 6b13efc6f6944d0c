"""GPS against torch-geometric's layer, with the same weights."""

import pytest
import torch
from torch_geometric.nn import GPSConv

from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.graph.context import GraphContext
from lit_pretrain.nn.graph.gps import GPS
from lit_pretrain.nn.graph.message_passing import MessagePassing
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.norm.batch_norm import BatchNorm
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.residual.branches import Branches
from lit_pretrain.nn.residual.pre_norm import PreNorm


def gps(residual) -> GPS:
    return GPS(MessagePassing(8, "GINConv"), Attention(8, 2), MLP(8, 16, "relu"), residual).at(0, 1)


def test_equals_torch_geometrics_layer(graphs):
    block = gps(Branches(BatchNorm(8)))
    theirs = GPSConv(8, block.mixer.conv, heads=2, norm="batch_norm")
    attention = block.cross
    with torch.no_grad():
        for i, part in enumerate((attention.query, attention.key, attention.value)):
            theirs.attn.in_proj_weight[8 * i : 8 * i + 8] = part.weight
            theirs.attn.in_proj_bias[8 * i : 8 * i + 8] = part.bias
    theirs.attn.out_proj.load_state_dict(attention.out.state_dict())
    theirs.mlp[0].load_state_dict(block.feedforward.input.state_dict())
    theirs.mlp[3].load_state_dict(block.feedforward.out.state_dict())
    for ours, norm in zip(block.residual.norms, (theirs.norm1, theirs.norm2, theirs.norm3), strict=True):
        torch.nn.init.normal_(ours.norm.weight)
        norm.module.load_state_dict(ours.norm.state_dict())
    expected = theirs(graphs.features, graphs.edges.index, batch=graphs.graphs.example)
    found = block(graphs.features, GraphContext.of(graphs))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "residual", [Branches(LayerNorm(8)), Branches(BatchNorm(8), norm_first=True), PreNorm(LayerNorm(8))]
)
def test_a_node_hears_from_its_whole_graph_and_no_other(residual, graphs):
    x = graphs.features.clone().requires_grad_()
    gps(residual).eval()(x, GraphContext.of(graphs))[11, 0].backward()  # the node without edges
    heard = x.grad.abs().sum(1) > 0
    assert heard.tolist() == [False] * 5 + [True] * 7


def test_norms_in_front_leave_the_shortcut_alone(graphs):
    block = gps(Branches(LayerNorm(8), norm_first=True))
    for norm in block.residual.norms:
        torch.nn.init.zeros_(norm.weight)
    shifts = [block(x, GraphContext.of(graphs)) - x for x in (graphs.features, graphs.features * 3)]
    torch.testing.assert_close(*shifts)
