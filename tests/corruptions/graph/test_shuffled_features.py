"""A permutation of rows; nothing else moves."""

import torch

from lit_pretrain.corruptions.graph.shuffled_features import ShuffledFeatures


def test_rows_are_permuted(nodes, generator):
    shuffled = ShuffledFeatures()(nodes, generator)
    same = (shuffled.features[:, None] == nodes.features).all(2)
    assert torch.equal(same.sum(0), torch.ones(40)) and torch.equal(same.sum(1), torch.ones(40))
    assert same.diagonal().sum() < 10
    assert shuffled.edges is nodes.edges and shuffled.seeds is nodes.seeds
