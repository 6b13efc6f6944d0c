"""Corruptions in order, each on what the last one left."""

import torch

from lit_pretrain.corruptions.graph.all_of import AllOf
from lit_pretrain.corruptions.graph.edge_dropping import EdgeDropping
from lit_pretrain.corruptions.graph.feature_masking import FeatureMasking


def test_they_are_applied_in_order(graphs):
    steps = [FeatureMasking(0.4), EdgeDropping(0.5)]
    both = AllOf(steps)(graphs, torch.Generator().manual_seed(1))
    generator, expected = torch.Generator().manual_seed(1), graphs
    for step in steps:
        expected = step(expected, generator)
    assert torch.equal(both.features, expected.features) and torch.equal(both.edges.index, expected.edges.index)
    assert (both.features == 0).any() and len(both.edges) < len(graphs.edges)
    assert AllOf([])(graphs, generator) is graphs
