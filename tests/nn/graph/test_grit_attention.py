"""GRIT's attention against its formulas, pair by pair."""

import pytest
import torch

from lit_pretrain.nn.graph.grit_attention import GRITAttention
from lit_pretrain.nn.graph_position.pair import all_pairs, edges_and_selves


def by_hand(part: GRITAttention, x, e, pairs, degrees):
    q, k, v = (f(x).view(len(x), 2, 4) for f in (part.query, part.key, part.value))
    factor, term = (y.view(-1, 2, 4) for y in part.pair(e).chunk(2, -1))
    y = (q[pairs.targets] + k[pairs.sources]) * factor
    s = torch.relu(y.clamp(min=0).sqrt() - (-y).clamp(min=0).sqrt() + term)
    nodes = []
    for i in range(len(x)):
        own = (pairs.targets == i).nonzero()[:, 0]
        heads = []
        for h in range(2):
            a = (s[own, h] @ part.score[h]).clamp(-part.clamp, part.clamp).softmax(0)
            seen = v[pairs.sources[own], h] + s[own, h] @ part.pair_value[h]
            heads.append((a[:, None] * seen).sum(0))
        nodes.append(torch.cat(heads))
    nodes = torch.stack(nodes)
    if part.scales is not None:
        nodes = part.scales[0] * nodes + part.scales[1] * nodes * (1 + degrees[:, None]).log()
    return part.out(nodes), part.pair_out(s.flatten(1))


@pytest.mark.parametrize("scaler", [True, False])
@pytest.mark.parametrize("of_edges", [True, False])
def test_equals_the_formulas(scaler, of_edges, graphs):
    torch.manual_seed(0)
    part = GRITAttention(8, 2, degree_scaler=scaler, clamp=0.7)
    pairs = edges_and_selves(graphs.edges) if of_edges else all_pairs(graphs)
    e = torch.randn(len(pairs), 8)
    found = part(graphs.features, e, pairs, graphs.edges.degrees)
    for one, two in zip(found, by_hand(part, graphs.features, e, pairs, graphs.edges.degrees.float()), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)


def test_gradients_are_finite_where_the_root_is_steep(graphs):
    part, pairs = GRITAttention(8, 2), all_pairs(graphs)
    x = torch.zeros(12, 8, requires_grad=True)
    nodes, e = part(x, torch.zeros(len(pairs), 8), pairs, graphs.edges.degrees)
    (nodes.sum() + e.sum()).backward()
    assert all(torch.isfinite(p.grad).all() for p in part.parameters())


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="dim=9 is not a multiple of num_heads=2"):
        GRITAttention(9, 2)
    with pytest.raises(ValueError, match="clamp=0"):
        GRITAttention(8, 2, clamp=0.0)
