"""The digits' pixels as numbers and as categories."""

import numpy as np
import pytest
import torch

from lit_pretrain.datamodules.graph.source.digits import DigitsGraph


def test_levels_of_brightness_cut_the_range_of_pixels_evenly():
    numbers, levels = DigitsGraph().graph(), DigitsGraph(levels=4).graph()
    edges = torch.tensor([0.25, 0.5, 0.75])
    assert levels.features.dtype == torch.int64 and levels.features.unique().tolist() == [0, 1, 2, 3]
    assert torch.equal(levels.features, torch.bucketize(numbers.features, edges, right=True))
    assert torch.equal(levels.edges.sources, numbers.edges.sources) and np.array_equal(levels.labels, numbers.labels)
    assert DigitsGraph(levels=4).fingerprint("train") != DigitsGraph().fingerprint("train")


def test_mistakes():
    with pytest.raises(ValueError, match=r"levels=1"):
        DigitsGraph(levels=1)
