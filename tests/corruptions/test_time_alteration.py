"""TimeAlteration: which frames, how often, and what becomes of them."""

import pytest
import torch

from lit_pretrain.corruptions.time_alteration import TimeAlteration
from lit_pretrain.types import Layout


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_altered_frames_are_those_chosen() -> None:
    """Every example by one of three fates, as often as the die says; nothing else changes."""
    layout = Layout((100,) * 600)
    features = torch.randn(layout.num_units, 3)
    altered = TimeAlteration()(features, layout, generator())
    chosen, source = TimeAlteration().choose(layout, generator())
    assert torch.equal(altered[~chosen], features[~chosen])
    fates = torch.zeros(3)
    split = zip(*(x.split(100) for x in (altered, features, features[source], chosen)), strict=True)
    for now, before, other, here in split:
        same = [torch.equal(now[here], x[here]) for x in (torch.zeros_like(before), other, before)]
        assert any(same)
        fates += torch.tensor(same)
    torch.testing.assert_close(fates / 600, torch.tensor([0.8, 0.1, 0.1]), atol=0.05, rtol=0)


def test_so_many_spans_at_uniform_places() -> None:
    """Two of 7 in 100 frames: each pair of places is as likely as any other."""
    layout = Layout((100,) * 8000)
    chosen = TimeAlteration().choose(layout, generator())[0].unflatten(0, (-1, 100))
    assert chosen.sum(1).min() >= 8 and chosen.sum(1).max() == 14
    covering = torch.tensor([min(i, 93) - max(0, i - 6) + 1 for i in range(100)])  # places of spans that cover a frame
    expected = 1 - (94 - covering) * (93 - covering) / (94 * 93)
    assert (chosen.float().mean(0) - expected).abs().max() < 0.02


def test_replacements_are_spans_of_the_same_example() -> None:
    layout = Layout((60, 7, 0, 6, 40))
    for seed in range(20):
        chosen, source = TimeAlteration(0.5).choose(layout, generator(seed))
        assert torch.equal(layout.example[source], layout.example) and not chosen[67:73].any()
        assert torch.equal(source[~chosen], torch.arange(113)[~chosen])
        jumps = (source[1:] - source[:-1] != 1) & chosen[1:] & chosen[:-1]
        assert jumps.sum() < chosen.sum() / 3, "whole spans are copied"
    sources = TimeAlteration().choose(Layout((60,) * 500), generator())[1].unflatten(0, (-1, 60)) % 60
    moved = sources[sources != torch.arange(60)]
    assert moved.min() == 0 and moved.max() == 59, "from anywhere in the example"


def test_a_single_span_is_copied_whole() -> None:
    """Seven frames in a row from seven in a row."""
    layout = Layout((50,))  # round(0.15 * 50 / 7) = 1
    for seed in range(50):
        chosen, source = TimeAlteration().choose(layout, generator(seed))
        assert chosen.sum() == 7
        frames = chosen.nonzero().flatten()
        assert torch.equal(frames - frames[0], torch.arange(7))
        assert torch.equal(source[chosen] - source[chosen][0], torch.arange(7))


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"share=0"):
        TimeAlteration(0.0)
    with pytest.raises(ValueError, match=r"zero=0\.8 and swap=0\.4"):
        TimeAlteration(swap=0.4)
