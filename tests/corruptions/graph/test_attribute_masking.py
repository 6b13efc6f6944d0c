"""The share of nodes that is hidden, what they show, and what stays."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.corruptions.graph.attribute_masking import AttributeMasking


def test_numbers_become_zero_at_the_share_of_each_graph(graphs, generator):
    hidden = AttributeMasking(0.3)(graphs, generator).features
    changed = (hidden != graphs.features).any(1)
    assert [int(part.sum()) for part in changed.split(graphs.lengths)] == [3, 0, 6, 2]
    assert (hidden[changed] == 0).all() and torch.equal(hidden[~changed], graphs.features[~changed])


def test_categories_become_those_of_drawn_nodes(graphs, generator):
    kinds = torch.stack([torch.arange(40), torch.arange(40) % 7], 1)
    hidden = AttributeMasking(0.5)(replace(graphs, features=kinds), generator).features
    assert hidden.dtype == torch.int64
    assert torch.equal(hidden[:, 1], hidden[:, 0] % 7)  # whole rows
    changed = hidden[:, 0] != torch.arange(40)
    assert 15 <= int(changed.sum()) <= 6 + 10 + 3 and len(hidden[changed, 0].unique()) > 10


def test_the_graph_stays(nodes, generator):
    hidden = AttributeMasking(0.5)(nodes, generator)
    assert hidden.edges is nodes.edges and hidden.seeds is nodes.seeds and hidden.edge_features is nodes.edge_features


def test_mistakes():
    with pytest.raises(ValueError, match=r"rate=1.5"):
        AttributeMasking(1.5)
