"""Both directions of an edge are dropped together, at the rate."""

import pytest
import torch

from lit_pretrain.corruptions.graph.edge_dropping import EdgeDropping


def test_both_directions_go_together_with_their_features(graphs, generator):
    left = EdgeDropping(0.4)(graphs, generator)
    pairs = set(map(tuple, left.edges.index.T.tolist()))
    assert pairs == {(b, a) for a, b in pairs} and pairs < set(map(tuple, graphs.edges.index.T.tolist()))
    assert torch.equal(left.edge_features[:, 0], left.edges.index.sum(0))
    assert torch.equal(left.features, graphs.features) and left.lengths == graphs.lengths


def test_the_rate(graphs, generator):
    kept = sum(len(EdgeDropping(0.3)(graphs, generator).edges) for _ in range(200)) / (200 * len(graphs.edges))
    assert abs(kept - 0.7) < 0.02
    with pytest.raises(ValueError, match=r"rate=1"):
        EdgeDropping(1.0)
