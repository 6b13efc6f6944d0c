"""A GRIT block against its parts, one after the other."""

import pytest
import torch

from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.graph.context import GraphContext
from lit_pretrain.nn.graph.grit import GRIT
from lit_pretrain.nn.graph.grit_attention import GRITAttention
from lit_pretrain.nn.graph_position.pair import all_pairs, edges_and_selves
from lit_pretrain.nn.norm.batch_norm import BatchNorm
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.residual.post_norm import PostNorm
from lit_pretrain.nn.residual.pre_norm import PreNorm


def grit(residual) -> GRIT:
    return GRIT(GRITAttention(8, 2), MLP(8, 16, "relu"), residual).at(0, 2)


def test_norms_behind(graphs):
    block, pairs = grit(PostNorm(BatchNorm(8))), all_pairs(graphs)
    x, e = graphs.features, torch.randn(len(pairs), 8)
    y, z = block.mixer(x, e, pairs, graphs.edges.degrees)
    first, second = block.residual.norms
    y = first(x + y)
    expected = torch.cat([second(y + block.feedforward(y)), block.pair_residual.norms[0](e + z)])
    torch.testing.assert_close(block(torch.cat([x, e]), GraphContext.of(graphs, pairs)), expected)


def test_norms_in_front_of_both_nodes_and_pairs(graphs):
    block, pairs = grit(PreNorm(LayerNorm(8))), all_pairs(graphs)
    x, e = graphs.features, torch.randn(len(pairs), 8)
    first, second = block.residual.norms
    y, z = block.mixer(first(x), block.pair_residual.norms[0](e), pairs, graphs.edges.degrees)
    y = x + y
    expected = torch.cat([y + block.feedforward(second(y)), e + z])
    torch.testing.assert_close(block(torch.cat([x, e]), GraphContext.of(graphs, pairs)), expected)


@pytest.mark.parametrize("of_edges", [True, False])
def test_a_node_sees_its_pairs_alone(of_edges, graphs):
    block = grit(PreNorm(LayerNorm(8)))
    pairs = edges_and_selves(graphs.edges) if of_edges else all_pairs(graphs)
    x = torch.cat([graphs.features, torch.randn(len(pairs), 8)]).requires_grad_()
    block(x, GraphContext.of(graphs, pairs))[6].sum().backward()
    seen = set((x.grad[:12].abs().sum(1) > 0).nonzero()[:, 0].tolist())
    assert seen == set(pairs.sources[pairs.targets == 6].tolist())


def test_asks_for_pairs(graphs):
    with pytest.raises(ValueError, match="give the GraphTransformer `pairs`"):
        grit(PreNorm(LayerNorm(8)))(graphs.features, GraphContext.of(graphs))
