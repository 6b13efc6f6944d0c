"""FrequencyAlteration: one band for all frames of an example, of uniform width and place."""

import pytest
import torch

from lit_pretrain.corruptions.frequency_alteration import FrequencyAlteration
from lit_pretrain.types import Layout


def test_bands_are_uniform() -> None:
    bands = FrequencyAlteration().choose(10, Layout((1,) * 9000), torch.Generator().manual_seed(0))
    widths = bands.sum(1)
    shares = torch.bincount(widths, minlength=4) / 9000
    torch.testing.assert_close(shares, torch.tensor([1 / 3, 1 / 3, 1 / 3, 0]), atol=0.02, rtol=0)
    for width in (1, 2):
        found, counts = bands[widths == width].unique(dim=0, return_counts=True)
        assert len(found) == 10 - width + 1, "every band of this width, and nothing else"
        assert all((row[1:] & ~row[:-1]).sum() + row[0] == 1 for row in found), "its bins lie side by side"
        assert (counts / counts.sum() - 1 / len(found)).abs().max() < 0.03


def test_the_band_alone_becomes_zero() -> None:
    layout, features = Layout((5, 0, 8, 1)), torch.randn(14, 20) + 5
    for seed in range(20):
        altered = FrequencyAlteration(0.5)(features, layout, torch.Generator().manual_seed(seed))
        band = FrequencyAlteration(0.5).choose(20, layout, torch.Generator().manual_seed(seed))[layout.example]
        assert torch.equal(altered, torch.where(band, 0.0, features))


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"share=1\.2"):
        FrequencyAlteration(1.2)
