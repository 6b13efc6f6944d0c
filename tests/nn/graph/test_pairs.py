"""Vectors of pairs, with those of their edges in the right places."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.nn.graph.pairs import Pairs
from lit_pretrain.nn.graph_position.rrwp import RRWP
from lit_pretrain.nn.nodes.categories import Categories


@pytest.mark.parametrize(("of", "count"), [("all", 5 * 5 + 7 * 7), ("edges", None)])
def test_edges_add_what_they_are_to_their_pairs(of, count, graphs):
    make = Pairs(RRWP(4), 6, of, edge=Categories([3], 6))
    pairs, found = make(graphs)
    assert len(pairs) == (count or len(graphs.edges) + 12) == len(found)
    own = make.linear(RRWP(4).pairs(graphs, pairs))
    kind = {(s, t): k for s, t, k in zip(*graphs.edges.index.tolist(), graphs.edge_features[:, 0].tolist(), strict=True)}
    for i, (source, target) in enumerate(pairs.index.T.tolist()):
        expected = own[i] + (make.edge.table.weight[kind[source, target]] if (source, target) in kind else 0)
        torch.testing.assert_close(found[i], expected)


def test_mistakes_are_named(graphs):
    with pytest.raises(ValueError, match="of='some' must be all or edges"):
        Pairs(RRWP(4), 6, "some")
    with pytest.raises(ValueError, match=r"edge.dim=5 must be dim=6"):
        Pairs(RRWP(4), 6, edge=Categories([3], 5))
    with pytest.raises(ValueError, match="edges of these data have none"):
        Pairs(RRWP(4), 6, edge=Categories([3], 6))(replace(graphs, edge_features=None))
