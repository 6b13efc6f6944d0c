"""NodeProperty: standardised degree, clustering and PageRank."""

import networkx
import pytest
import torch

from lit_pretrain.nn.graph_task.node_property import NodeProperty
from lit_pretrain.nn.graph_task.structure import page_rank


def test_targets(make, generator):
    graph = networkx.karate_club_graph()
    batch, task = make([graph]), NodeProperty(3)
    found = task.targets(batch.edges)
    degree = torch.tensor([float(d) for _, d in graph.degree]).log1p()
    clustering = torch.tensor(list(networkx.clustering(graph).values()))
    for column, value in zip(found.T, (degree, clustering, page_rank(batch.edges).log()), strict=True):
        torch.testing.assert_close(column, (value - value.mean()) / value.std(correction=0), atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        task.head.weight.copy_(torch.eye(3))
        task.head.bias.zero_()
    perfect = task.loss(found, batch, task.corrupt(batch, generator), generator)
    assert perfect.sum.max() < 1e-6 and perfect.count.tolist() == [1.0] * 34


def test_a_property_that_all_share_is_zero(make):
    assert NodeProperty(3, ["clustering"]).targets(make([networkx.path_graph(5)]).edges).abs().max() == 0


def test_unknown_properties_are_named():
    with pytest.raises(ValueError, match="degree, clustering, page_rank"):
        NodeProperty(3, ["colour"])
