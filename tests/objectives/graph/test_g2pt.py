"""The next token of graphs told as sequences: the loss by hand, graphs that come out, and orders that do not matter."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.encoders.graph_tokens import GraphTokens
from lit_pretrain.encoders.modern import CausalTransformer
from lit_pretrain.nn.graph_tokenizer.sequence import GraphSequence
from lit_pretrain.nn.graph_validity import GraphValidity
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.objectives.graph.g2pt import G2PT
from lit_pretrain.types import Edges, GraphBatch, TextBatch


def batch_of(edges: list[list[tuple[int, int]]], types: list[list[int]], bonds: list[int] | None = None) -> GraphBatch:
    """Graphs by their undirected edges, types of nodes and of edges."""
    lengths = tuple(map(len, types))
    once = torch.tensor([(a + sum(lengths[:g]), b + sum(lengths[:g])) for g, rows in enumerate(edges) for a, b in rows]).T
    found, order = Edges.of(torch.cat([once, once.flip(0)], 1), sum(lengths))
    features = None if bonds is None else torch.tensor(bonds).repeat(2)[order, None]
    return GraphBatch(torch.tensor([t for row in types for t in row])[:, None], found, lengths, features)


def graphs(bonds: bool = False) -> GraphBatch:
    """A triangle, a star and a path."""
    edges = [[(0, 1), (1, 2), (0, 2)], [(0, 1), (0, 2), (0, 3)], [(0, 1), (1, 2), (2, 3)]]
    return batch_of(edges, [[0, 0, 1], [1, 0, 0, 2], [2, 0, 1, 1]], [0, 1, 0, 1, 1, 1, 0, 0, 1] if bonds else None)


def objective(edge_types: int = 0, dim: int = 32, **options) -> G2PT:
    torch.manual_seed(0)
    sequence = GraphSequence(5, 3, edge_types)
    size = sequence.vocabulary.size
    return G2PT(GraphTokens(sequence, CausalTransformer(size, dim, 2, 4)), LinearHead(dim, size), max_length=40, **options)


def relabelled(batch: GraphBatch) -> GraphBatch:
    """The same graphs, the nodes of each in the opposite order."""
    order = torch.cat([torch.arange(n).flip(0) + sum(batch.lengths[:g]) for g, n in enumerate(batch.lengths)])
    edges, places = Edges.of(order[batch.edges.index], batch.num_nodes)  # the order is its own inverse
    features = None if batch.edge_features is None else batch.edge_features[places]
    return replace(batch, features=batch.features[order], edges=edges, edge_features=features)


@pytest.mark.parametrize("edge_types", [0, 2])
@torch.no_grad()
def test_the_loss_is_the_likelihood_of_the_sequence(edge_types):
    """Each token from a pass over those before it alone, in fp64 logarithms."""
    module = objective(edge_types).eval()
    batch = graphs(bonds=edge_types > 0)
    module.generator.manual_seed(5)
    term = module.loss(batch)["g2pt"]
    told = module.encoder.sequence(batch, generator=torch.Generator().manual_seed(5))
    steps = [(row[:i], int(row[i])) for row in told.tokens.split(told.lengths) for i in range(1, len(row))]
    before = TextBatch(torch.cat([part for part, _ in steps]), tuple(len(part) for part, _ in steps))
    encoded = module.encoder(before)
    logits = module.head(encoded.units[encoded.layout.offsets[1:].long() - 1], module.encoder)
    expected = -sum(row.double().log_softmax(0)[token] for row, (_, token) in zip(logits, steps, strict=True))
    assert term.count == len(steps) == sum(told.lengths) - 3 and term.weight == 1
    torch.testing.assert_close(term.sum.double(), expected, rtol=1e-5, atol=1e-5)


def test_nodes_are_numbered_anew_in_each_step():
    module = objective().eval()
    module.generator.manual_seed(1)
    first, second = (float(module.loss(graphs())["g2pt"].sum) for _ in range(2))
    module.generator.manual_seed(1)
    assert first != second and float(module.loss(graphs())["g2pt"].sum) == first


@torch.no_grad()
def test_numbers_of_nodes_do_not_matter_on_average():
    """They would if nodes were told as they stand."""
    module, copies, path = objective(dim=8).eval(), 400, [(0, 1), (1, 2), (2, 3)]
    told, drawn = [], []
    for types in ([2, 0, 1, 1], [1, 1, 0, 2]):
        alone = module.encoder.sequence(batch_of([path], [types]), shuffle=False)
        logits = module.head(module.encoder(alone).units[:-1], module.encoder)
        told.append(float(torch.nn.functional.cross_entropy(logits, alone.tokens[1:])))
        term = module.loss(batch_of([path] * copies, [types] * copies))["g2pt"]
        drawn.append(float(term.sum / term.count))
    assert abs(drawn[0] - drawn[1]) < 0.005 < abs(told[0] - told[1])


def test_gradients_reach_all_of_the_encoder():
    module = objective(2)
    module.loss(graphs(bonds=True))["g2pt"].sum.backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("edge_types", [0, 2])
def test_after_learning_a_few_graphs_it_writes_them(edge_types):
    """Two graphs of two nodes, by types of nodes; their edges differ in type where edges have one."""
    module, edges, types, bonds = objective(edge_types), [[(0, 1)], [(0, 1)]], [[0, 1], [2, 2]], [0, 1]
    few, many = (batch_of(edges * n, types * n, bonds * n if edge_types else None) for n in (1, 8))
    known = module.describe_samples(few)[1]
    assert len(set(known)) == 2 and known == module.describe_samples(relabelled(few))[1]
    before = module.describe_samples(module.eval().sample(40, torch.Generator().manual_seed(0)))[1]
    optimizer = torch.optim.AdamW(module.train().parameters())
    for step in range(80):
        optimizer.param_groups[0]["lr"] = 1e-2 * min(1.0, 2 - step / 40)
        optimizer.zero_grad()
        term = module.loss(many)["g2pt"]
        (term.sum / term.count).backward()
        optimizer.step()
    valid, keys = module.describe_samples(module.eval().sample(40, torch.Generator().manual_seed(0)))
    assert not set(known) & set(before)
    assert sum(valid) >= 36 and all(keys.count(key) >= 8 for key in known) and sum(map(keys.count, known)) >= 36


def test_validity_is_of_the_graphs_types():
    module = objective(2, validity=GraphValidity([4, 2, 1], [1, 2]))
    batch = batch_of([[(0, 1)], [(0, 1)], [(0, 1)]], [[0, 1], [2, 0], [0, 1, 1]], [1, 1, 1])
    assert module.describe_samples(batch)[0] == [True, False, False]  # one bond too many, and an atom apart


def test_what_cannot_be_made():
    with pytest.raises(ValueError, match="CausalTransformer does not read graphs as sequences"):
        G2PT(CausalTransformer(11, 8, 1, 2), LinearHead(8, 11))
    with pytest.raises(ValueError, match="temperature=-1"):
        objective(temperature=-1)
