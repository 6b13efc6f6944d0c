"""Each of the pool is drawn equally often, and does what it does alone."""

import pytest
import torch

from lit_pretrain.corruptions.graph.attribute_masking import AttributeMasking
from lit_pretrain.corruptions.graph.edge_dropping import EdgeDropping
from lit_pretrain.corruptions.graph.node_dropping import NodeDropping
from lit_pretrain.corruptions.graph.one_of import OneOf


def test_one_alone_is_applied_each_equally_often(graphs, generator):
    pool = OneOf([NodeDropping(0.5), EdgeDropping(0.5), AttributeMasking(0.5)])
    count = torch.zeros(3)
    for _ in range(300):
        found = pool(graphs, generator)
        nodes, masked = found.num_nodes < 40, bool((found.features == 0).any())
        edges = not nodes and len(found.edges) < len(graphs.edges)
        assert nodes + edges + masked == 1
        count += torch.tensor([nodes, edges, masked])
    assert ((count / 300 - 1 / 3).abs() < 0.1).all()


def test_draws_come_from_the_generator(graphs):
    pool = OneOf([NodeDropping(0.5), EdgeDropping(0.5)])
    first, again = (pool(graphs, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first.features, again.features) and torch.equal(first.edges.index, again.edges.index)


def test_an_empty_pool():
    with pytest.raises(ValueError, match="pool"):
        OneOf([])
