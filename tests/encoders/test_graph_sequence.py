"""Graph sequence models: what an encoder promises, and that sequences carry what messages cannot."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.encoders.graph_sequence import GraphSequenceModel
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.graph_tokenizer.affinity_clusters import AffinityClusters
from lit_pretrain.nn.graph_tokenizer.breadth_first_order import BreadthFirstOrder
from lit_pretrain.nn.graph_tokenizer.degree_order import DegreeOrder
from lit_pretrain.nn.graph_tokenizer.hops import Hops
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.mixer.gated_recurrence import GatedRecurrence
from lit_pretrain.nn.nodes.linear import Linear
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.position.sinusoidal import Sinusoidal
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.part import build, spec
from lit_pretrain.types import Edges, GraphBatch

TOKENIZERS = {"clusters": AffinityClusters(2), "hops": Hops(3), "degree": DegreeOrder(), "bfs": BreadthFirstOrder()}
each = pytest.mark.parametrize("kind", TOKENIZERS)


def model(kind: str, dim: int = 8, features: int = 3, maskable: bool = True) -> GraphSequenceModel:
    torch.manual_seed(0)
    local = PyGEncoder(Linear(features, 8), model="GIN", dim=8, num_layers=2, maskable=maskable)
    residual = PreNorm(LayerNorm(dim))
    recurrent = Block(GatedRecurrence(dim, both_ways=True), MLP(dim, 16), residual)
    attention = Block(Attention(dim, 2), MLP(dim, 16), residual)
    found = GraphSequenceModel(local, TOKENIZERS[kind], [recurrent, recurrent, attention], dim=dim, position=Sinusoidal(dim),
                               final_norm=LayerNorm(dim))  # fmt: skip
    return build(spec(found))


def graph(nodes: int, seed: int) -> GraphBatch:
    generator = torch.Generator().manual_seed(seed)
    dense = torch.rand(nodes, nodes, generator=generator) < 0.3
    dense = (dense | dense.T) & ~torch.eye(nodes, dtype=torch.bool)
    edges, _ = Edges.of(dense.nonzero().T, nodes)
    return GraphBatch(torch.randn(nodes, 3, generator=generator), edges, (nodes,))


def joined(one: GraphBatch, two: GraphBatch) -> GraphBatch:
    edges, _ = Edges.of(torch.cat([one.edges.index, two.edges.index + one.num_nodes], 1), one.num_nodes + two.num_nodes)
    return GraphBatch(torch.cat([one.features, two.features]), edges, one.lengths + two.lengths)


@each
def test_no_graph_sees_another(kind):
    encoder, one, two = model(kind).eval(), graph(7, 0), graph(9, 1)
    alone = torch.cat([encoder(one).units, encoder(two).units])
    torch.testing.assert_close(encoder(joined(one, two)).units, alone, rtol=1e-4, atol=1e-5)


@each
def test_layers_are_named_through_both_stages(kind):
    encoder, batch = model(kind, dim=12), joined(graph(7, 0), graph(9, 1))
    encoded = encoder(batch, layers=True)
    assert list(encoded.layers) == ["embedding", *(f"block0{i}" for i in range(5))]
    assert [len(layer) for layer in encoded.layers.values()] == [16] * 6
    assert encoder.num_layers == len(encoder.blocks) == 5 and encoded.pooled.shape == (2, 12)
    assert not encoder(batch).layers


@each
def test_masks_keeps_and_seeds(kind):
    encoder, batch = model(kind).eval(), joined(graph(7, 0), graph(9, 1))
    mask, keep = torch.arange(16) == 9, torch.arange(16) % 4 != 0
    other = replace(batch, features=torch.where(mask[:, None], 7.0, batch.features))
    torch.testing.assert_close(encoder(batch, mask=mask).units, encoder(other, mask=mask).units)
    left = encoder(batch, keep=keep, mask=mask)
    torch.testing.assert_close(left.units, encoder(batch.without_nodes(~keep), mask=mask[keep]).units)
    seeds, whole = torch.tensor([7, 2]), graph(9, 1)
    encoded = encoder(whole.at(seeds), layers=True)
    torch.testing.assert_close(encoded.units, encoder(whole).units[seeds])
    torch.testing.assert_close(encoded.pooled, encoded.units)
    assert all(len(layer) == 2 for layer in encoded.layers.values())


@each
def test_every_weight_has_a_gradient(kind):
    encoder = model(kind)
    encoder(graph(7, 0), mask=torch.arange(7) == 1).units.square().sum().backward()
    assert not [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]


def test_repeats_have_weights_of_their_own():
    block = Block(GatedRecurrence(8), MLP(8, 16), PreNorm(LayerNorm(8)))
    local = PyGEncoder(Linear(3, 8), dim=8, num_layers=1)
    encoder = GraphSequenceModel(local, DegreeOrder(), [block], repeats=2)
    assert len({id(p) for p in encoder.global_blocks.parameters()}) == 2 * len(list(encoder.global_blocks[0].parameters()))
    with pytest.raises(ValueError, match="at least one block"):
        GraphSequenceModel(local, DegreeOrder(), [])


def rings(count: int, generator: torch.Generator) -> tuple[GraphBatch, torch.Tensor]:
    """Rings of 12 nodes, of which one carries a class that all are to tell."""
    size, total = 12, 12 * count
    nodes = torch.arange(total)
    following = nodes // size * size + (nodes + 1) % size
    index = torch.stack([nodes, following])
    edges, _ = Edges.of(torch.cat([index, index.flip(0)], 1), total)
    classes = torch.randint(3, (count,), generator=generator)
    marked = torch.arange(count) * size + torch.randint(size, (count,), generator=generator)
    features = torch.rand(total, 4, generator=generator) * 0.1
    features[marked, classes] = 3.0
    return GraphBatch(features, edges, (size,) * count), classes.repeat_interleave(size)


def accuracy_of(encoder) -> float:
    torch.manual_seed(0)
    generator, head = torch.Generator().manual_seed(0), torch.nn.Linear(encoder.dim, 3)
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=3e-3)
    for _ in range(60):
        batch, classes = rings(16, generator)
        optimiser.zero_grad()
        F.cross_entropy(head(encoder(batch).units), classes).backward()
        optimiser.step()
    batch, classes = rings(40, generator)
    return float((head(encoder.eval()(batch).units).argmax(1) == classes).float().mean())


@pytest.mark.parametrize(("kind", "least"), [("degree", 0.95), ("clusters", 0.75)])
def test_sequences_carry_what_messages_cannot(kind, least):
    torch.manual_seed(0)
    local = PyGEncoder(Linear(4, 16), model="GIN", dim=16, num_layers=1)
    residual = PreNorm(LayerNorm(16))
    blocks = [Block(mixer, MLP(16, 16), residual) for mixer in (GatedRecurrence(16, both_ways=True), Attention(16, 2))]
    encoder = GraphSequenceModel(deepcopy(local), TOKENIZERS[kind], blocks, final_norm=LayerNorm(16))
    # A layer of messages sees 3 of 12 nodes, and a third of the others is right by chance: 0.5.
    assert accuracy_of(local) < 0.55
    assert accuracy_of(encoder) > least
