"""Transformers of graphs: what an encoder promises, for both kinds of block and every positional encoding."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.encoders.graph_transformer import GraphTransformer
from lit_pretrain.nn.depth.layer_drop import LayerDrop
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.graph.gps import GPS
from lit_pretrain.nn.graph.grit import GRIT
from lit_pretrain.nn.graph.grit_attention import GRITAttention
from lit_pretrain.nn.graph.message_passing import MessagePassing
from lit_pretrain.nn.graph.pairs import Pairs
from lit_pretrain.nn.graph_position.degree import Degree
from lit_pretrain.nn.graph_position.electrostatic import Electrostatic
from lit_pretrain.nn.graph_position.heat_kernel import HeatKernel
from lit_pretrain.nn.graph_position.laplacian import Laplacian
from lit_pretrain.nn.graph_position.personalised_page_rank import PersonalisedPageRank
from lit_pretrain.nn.graph_position.random_walk import RandomWalk
from lit_pretrain.nn.graph_position.rrwp import RRWP
from lit_pretrain.nn.graph_position.sign_net import SignNet
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.nodes.linear import Linear
from lit_pretrain.nn.nodes.positioned import Positioned
from lit_pretrain.nn.norm.batch_norm import BatchNorm
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.residual.branches import Branches
from lit_pretrain.nn.residual.post_norm import PostNorm
from lit_pretrain.part import build, spec
from lit_pretrain.types import Edges, GraphBatch

POSITIONS = (Degree, Electrostatic, HeatKernel, Laplacian, PersonalisedPageRank, RandomWalk, RRWP, SignNet)
KINDS = {"gps": LayerNorm, "gps batch": BatchNorm, "grit": LayerNorm, "grit batch": BatchNorm, "grit edges": LayerNorm}
each_kind = pytest.mark.parametrize("kind", KINDS)


def encoder(kind: str, position=RandomWalk, **options) -> GraphTransformer:
    torch.manual_seed(0)
    nodes, norm = Positioned(Linear(3, 4), [position()], 8), KINDS[kind](8)
    depth = options.pop("depth", Plain(2))
    if kind.startswith("gps"):
        block = GPS(MessagePassing(8), Attention(8, 2), MLP(8, 16), Branches(norm))
    else:
        block = GRIT(GRITAttention(8, 2), MLP(8, 16), PostNorm(norm))
        options["pairs"] = Pairs(RRWP(4), 8, "edges" if "edges" in kind else "all")
    return build(spec(GraphTransformer(nodes, block, depth, **options)))


def graph(nodes: int, seed: int) -> GraphBatch:
    generator = torch.Generator().manual_seed(seed)
    dense = torch.rand(nodes, nodes, generator=generator) < 0.35
    dense = (dense | dense.T) & ~torch.eye(nodes, dtype=torch.bool)
    edges, _ = Edges.of(dense.nonzero().T, nodes)
    return GraphBatch(torch.randn(nodes, 3, generator=generator), edges, (nodes,))


def joined(one: GraphBatch, two: GraphBatch) -> GraphBatch:
    index = torch.cat([one.edges.index, two.edges.index + one.num_nodes], 1)
    edges, _ = Edges.of(index, one.num_nodes + two.num_nodes)
    return GraphBatch(torch.cat([one.features, two.features]), edges, one.lengths + two.lengths)


def relabelled(batch: GraphBatch, order: torch.Tensor) -> GraphBatch:
    """One graph, with node i the old node order[i]."""
    edges, _ = Edges.of(order.argsort()[batch.edges.index], batch.num_nodes)
    return GraphBatch(batch.features[order], edges, batch.lengths)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("kind", ["gps", "grit"])
def test_every_encoding_runs(kind, position):
    model = encoder(kind, position)
    encoded = model(joined(graph(6, 0), graph(9, 1)))
    encoded.pooled.square().sum().backward()
    assert encoded.pooled.shape == (2, 8) and torch.isfinite(encoded.pooled).all()
    assert model.nodes.linear.weight.grad[:, 4:].abs().sum() > 0


@each_kind
def test_relabelling_and_other_graphs_change_nothing(kind):
    model, one, two = encoder(kind).eval(), graph(6, 0), graph(9, 1)
    units = model(joined(one, two)).units
    torch.testing.assert_close(units, torch.cat([model(one).units, model(two).units]), rtol=1e-4, atol=1e-5)
    order = torch.randperm(9)
    torch.testing.assert_close(model(relabelled(two, order)).units, units[6:][order], rtol=1e-4, atol=1e-5)


@each_kind
def test_layers_are_named(kind):
    batch = joined(graph(6, 0), graph(9, 1))
    encoded = encoder(kind)(batch, layers=True)
    assert list(encoded.layers) == ["embedding", "block00", "block01"]
    assert all(layer.shape == (15, 8) for layer in encoded.layers.values())
    torch.testing.assert_close(encoded.layers["block01"], encoded.units)
    torch.testing.assert_close(encoded.pool("block01"), encoded.pooled)


@each_kind
def test_what_is_masked_is_not_seen(kind):
    model, batch = encoder(kind, maskable=True).eval(), joined(graph(6, 0), graph(9, 1))
    mask = torch.arange(15) % 3 == 0
    other = replace(batch, features=torch.where(mask[:, None], 7.0, batch.features))
    torch.testing.assert_close(model(batch, mask=mask).units, model(other, mask=mask).units)
    assert not torch.allclose(model(batch).units, model(other).units)
    with pytest.raises(ValueError, match="maskable=true"):
        encoder(kind)(batch, mask=mask)


@each_kind
def test_what_is_not_kept_is_not_there(kind):
    model, batch = encoder(kind, maskable=True).eval(), joined(graph(6, 0), graph(9, 1))
    keep = torch.arange(15) >= 8  # nothing of the first graph
    mask = torch.arange(15) == 9
    expected = model(batch.without_nodes(~keep), mask=mask[keep])
    found = model(batch, keep=keep, mask=mask)
    torch.testing.assert_close(found.units, expected.units)
    assert found.layout.lengths == (0, 7) and found.pooled.shape == (2, 8)


@each_kind
def test_nodes_can_be_the_examples(kind):
    model, batch = encoder(kind, maskable=True).eval(), graph(9, 1)
    seeds = torch.tensor([7, 2, 3])
    encoded = model(batch.at(seeds), layers=True)
    torch.testing.assert_close(encoded.units, model(batch).units[seeds])
    torch.testing.assert_close(encoded.pooled, encoded.units)
    assert all(len(layer) == 3 for layer in encoded.layers.values())
    keep = torch.tensor([True, False, True])
    left = model(batch.at(seeds), keep=keep).units
    torch.testing.assert_close(left, model(batch.without_nodes(torch.arange(9) == 2)).units[[6, 2]])


@each_kind
def test_every_weight_has_a_gradient(kind):
    model, batch = encoder(kind, maskable=True), joined(graph(6, 0), graph(9, 1))
    model(batch, mask=torch.arange(15) == 1).units.square().sum().backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]


def test_blocks_can_be_wider_than_the_vectors_of_nodes():
    block = GPS(MessagePassing(8), Attention(8, 2), MLP(8, 16), Branches(LayerNorm(8)))
    model = GraphTransformer(Linear(3, 5), block, Plain(1), dim=8, maskable=True)
    assert model(graph(6, 0), mask=torch.arange(6) == 1).pooled.shape == (1, 8)


def test_blocks_can_be_dropped():
    model = encoder("grit", depth=LayerDrop(3, rate=0.5))
    model.train()(graph(6, 0)).units.sum().backward()
    assert len(model.eval()(graph(6, 0), layers=True).layers) == 4


def test_pairs_go_with_blocks_that_know_them():
    block = GPS(MessagePassing(8), Attention(8, 2), MLP(8, 16), Branches(LayerNorm(8)))
    with pytest.raises(ValueError, match="GPS does not know vectors of pairs"):
        GraphTransformer(Linear(3, 8), block, Plain(1), pairs=Pairs(RRWP(4), 8))
    block = GRIT(GRITAttention(8, 2), MLP(8, 16), PostNorm(LayerNorm(8)))
    with pytest.raises(ValueError, match="GRIT needs vectors of pairs"):
        GraphTransformer(Linear(3, 8), block, Plain(1))
    with pytest.raises(ValueError, match=r"pairs\.dim=4 must be the width of the blocks, dim=8"):
        GraphTransformer(Linear(3, 8), block, Plain(1), pairs=Pairs(RRWP(4), 4))
