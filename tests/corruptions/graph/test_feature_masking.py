"""Whole columns become zero, by chance."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.corruptions.graph.feature_masking import FeatureMasking


def test_columns_are_hidden_at_all_nodes(graphs, generator):
    hidden = FeatureMasking(0.5)(graphs, generator)
    zero = hidden.features == 0
    assert torch.equal(zero.all(0), zero.any(0)) and hidden.edges is graphs.edges
    assert torch.equal(hidden.features[~zero], graphs.features[~zero])


def test_the_chance(graphs, generator):
    wide = replace(graphs, features=torch.ones(40, 4000))
    assert abs(float((FeatureMasking(0.3)(wide, generator).features == 0).float().mean()) - 0.3) < 0.03


def test_categories_are_refused(graphs, generator):
    with pytest.raises(ValueError, match=r"int64 categories.*AttributeMasking"):
        FeatureMasking()(replace(graphs, features=graphs.features.long()), generator)
    with pytest.raises(ValueError, match=r"rate=1"):
        FeatureMasking(1.0)
