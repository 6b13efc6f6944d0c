"""GraphCodeBERT: who sees whom is the paper's rule, what is asked for is hidden, and half of it is true."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.corruptions.code.data_flow import balance, data_flows, draw
from lit_pretrain.encoders.modern import ModernTransformer
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.objectives.code.graphcodebert import GraphCodeBERT, beside, edge_targets, link_targets
from lit_pretrain.types import CodeBatch, Kind


def graphcodebert(**settings) -> GraphCodeBERT:
    torch.manual_seed(0)
    return GraphCodeBERT(ModernTransformer(128, 16, 2, 2), TransformHead(16, 128), **settings)


def table(batch: CodeBatch, b: int) -> torch.Tensor:
    """Pair by pair, from the batch's own numbers."""
    kind, leaf = batch.kind.split(batch.lengths)[b].tolist(), batch.leaf.split(batch.lengths)[b].tolist()
    variables = [v.tolist() for v in batch.variables.split()]
    before, own = sum(map(len, variables[:b])), variables[b]
    flow = {(i - before, j - before) for i, j in batch.flow.tolist()}
    units = [("token", n) for n in range(len(kind))] + [("variable", n) for n in range(len(own))]

    def sees(query, key) -> bool:
        (q, i), (k, j) = query, key
        if q == k == "token" or (q == "token" and kind[i] == Kind.SPECIAL):
            return True
        if q == k == "variable":
            return i == j or (i, j) in flow
        return leaf[i] == own[j] if q == "token" else own[i] == leaf[j]

    return torch.tensor([[sees(query, key) for key in units] for query in units])


def test_the_mask_equals_the_rule_pair_by_pair(batch: CodeBatch):
    for b, graph in enumerate(data_flows(batch)):
        assert torch.equal(graph.visible(), table(batch, b))


def test_unlinked_variables_do_not_reach_each_other_in_one_block(batch: CodeBatch):
    model = graphcodebert()
    graphs = data_flows(batch)
    inputs = beside(model.encoder.features(batch), graphs, graphs)
    model.encoder.blocks = model.encoder.blocks[:1]
    out = model.encoder(inputs).units
    first = len(graphs[0].special)
    for i in range(first, first + 6):
        (grad,) = torch.autograd.grad(out[i].sum(), inputs.units, retain_graph=True)
        reached = grad.abs().sum(1) > 0
        assert torch.equal(reached[: first + 6], graphs[0].visible()[i]) and not reached[first + 6 :].any()


def test_variables_stand_at_one_place_and_are_their_tokens_mean(batch: CodeBatch):
    model = graphcodebert()
    graphs = data_flows(batch)
    embedded = model.encoder.features(batch)
    inputs = beside(embedded, graphs, graphs)
    length = batch.lengths[0]
    assert inputs.layout.position[: length + 6].tolist() == [*range(length), *[length] * 6]
    place = batch.leaf[:length] == batch.variables.split()[0][0]
    torch.testing.assert_close(inputs.units[length], embedded.units[:length][place].mean(0))
    assert inputs.layout.lengths[2] == batch.lengths[2]  # a program that could not be parsed has no variables


def test_what_is_asked_for_is_hidden(batch: CodeBatch, generator):
    for graph in data_flows(batch)[:2]:
        count, length = graph.aligned.shape
        hidden = draw(count, 0.4, generator), draw(count, 0.4, generator)
        shown = graph.hide(*hidden).visible()
        edges, asked = edge_targets(graph, hidden[0], generator)
        assert not (shown[length:, length:] & asked).any()
        for i, j in asked.nonzero().tolist():
            assert i != j and (hidden[0][i] or hidden[0][j])
            assert edges[i, j] or not edges[j, i]
        links, asked = link_targets(graph, hidden[1], generator)
        assert not (shown[length:, :length] & asked).any()
        assert not (shown[:length, length:] & asked.T & ~graph.special[:, None]).any()
        assert hidden[1][asked.nonzero()[:, 0]].all() and graph.code[asked.nonzero()[:, 1]].all()
        assert (asked & links).sum() == links[hidden[1]].sum() == (asked & ~links).sum()


def test_half_of_what_is_asked_for_is_true(generator):
    positive = torch.zeros(20, 30, dtype=torch.bool)
    positive[:3, :5] = True
    seen = torch.zeros(20, 30)
    for _ in range(400):
        asked = balance(positive, ~positive, generator)
        assert (asked & positive).sum() == 15 == (asked & ~positive).sum()
        seen += asked & ~positive
    share = seen[~positive] / 400
    torch.testing.assert_close(share, torch.full_like(share, 15 / 585), atol=0.035, rtol=0)  # each as likely
    few = torch.zeros_like(positive).index_fill(0, torch.tensor([9]), True)[:, :2]
    assert torch.equal(balance(positive[:, :2], few, generator), positive[:, :2] | few)  # if there are too few


def test_a_fifth_of_the_variables_is_drawn(generator):
    assert [int(draw(n, 0.2, generator).sum()) for n in (1, 5, 10, 33)] == [1, 1, 2, 7]


def test_the_losses_learn(batch: CodeBatch):
    model = graphcodebert(rate=0.5)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    rows = []
    for _ in range(40):
        model.generator.manual_seed(0)
        terms = model.loss(batch)
        optimizer.zero_grad()
        sum(t.sum / t.count for t in terms.values()).backward()
        optimizer.step()
        rows.append({name: float(t.sum / t.count) for name, t in terms.items()})
    assert all(rows[-1][name] < 0.6 * rows[0][name] for name in ("mlm", "edges", "alignment")), (rows[0], rows[-1])


def test_a_batch_without_variables(batch: CodeBatch):
    none = replace(batch, flow=batch.flow[:0], variables=replace(batch.variables, values=batch.variables.values[:0],
                                                                 lengths=(0, 0, 0, 0)))  # fmt: skip
    terms = graphcodebert().loss(none)
    assert terms["edges"].count == 0 == terms["alignment"].count and terms["mlm"].sum > 0


def test_mistakes():
    with pytest.raises(ValueError, match="rate=0"):
        graphcodebert(rate=0.0)
