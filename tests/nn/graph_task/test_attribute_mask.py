"""AttributeMask: hidden nodes are asked for, and no others."""

import networkx
import pytest
import torch

from lit_pretrain.nn.graph_task.attribute_mask import AttributeMask


def test_only_hidden_nodes_are_asked_for_their_numbers(drawn, make, generator):
    batch, task = make([drawn]), AttributeMask(4, features=4, ratio=0.3)
    view = task.corrupt(batch, generator)
    assert 0 < view.hidden.sum() < 40 and view.graph.edges is batch.edges
    with torch.no_grad():
        task.head.weight.copy_(torch.eye(4))
        task.head.bias.zero_()
    found = task.loss(batch.features + 0.5 * ~view.hidden[:, None], batch, view, generator)
    assert torch.equal(found.count, view.hidden.float()) and found.sum.abs().max() == 0
    off = task.loss(batch.features + 0.5, batch, view, generator).sum
    expected = 0.25 / batch.features.var(0, correction=0).mean() * view.hidden
    torch.testing.assert_close(off, expected)


def test_categories_are_told_column_by_column(make, generator):
    features = torch.tensor([[0, 2], [1, 0], [0, 1], [1, 2]])
    batch, task = make([networkx.path_graph(4)], features), AttributeMask(5, sizes=[2, 3], ratio=0.9)
    view = task.corrupt(batch, generator)
    assert view.hidden.any()
    with torch.no_grad():
        task.head.weight.copy_(torch.eye(5))
        task.head.bias.zero_()
    hot = torch.cat([torch.nn.functional.one_hot(features[:, 0], 2), torch.nn.functional.one_hot(features[:, 1], 3)], 1)
    assert task.loss(20.0 * hot, batch, view, generator).sum.max() < 1e-4
    assert task.loss(-20.0 * hot, batch, view, generator).sum.sum() > 10


def test_numbers_or_categories():
    with pytest.raises(ValueError, match="give one of them"):
        AttributeMask(4)
    with pytest.raises(ValueError, match="give one of them"):
        AttributeMask(4, features=4, sizes=[3])
