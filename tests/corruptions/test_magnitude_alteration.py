"""MagnitudeAlteration: noise of the right size on the right share of the examples."""

import pytest
import torch

from lit_pretrain.corruptions.magnitude_alteration import MagnitudeAlteration
from lit_pretrain.types import Layout


def test_some_examples_are_noisy_in_all_their_frames() -> None:
    layout, features = Layout((10,) * 4000), torch.randn(40_000, 3)
    noise = (MagnitudeAlteration()(features, layout, torch.Generator().manual_seed(0)) - features).unflatten(0, (4000, 10))
    touched = (noise != 0).flatten(1)
    assert torch.equal(touched.any(1), touched.float().mean(1) > 0.9), "an example is noisy everywhere or nowhere"
    assert touched.any(1).float().mean().item() == pytest.approx(0.15, abs=0.02)
    values = noise[touched.any(1)]
    assert values.mean().abs() < 0.01 and values.std().item() == pytest.approx(0.2, abs=0.01)
    assert values.mean(dim=(1, 2)).std().item() == pytest.approx(0.2 / 30**0.5, abs=0.005), "each number by itself"


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"probability=1\.5"):
        MagnitudeAlteration(1.5)
    with pytest.raises(ValueError, match=r"std=0"):
        MagnitudeAlteration(std=0.0)
