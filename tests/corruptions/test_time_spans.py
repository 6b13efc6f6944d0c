"""TimeSpans: the numbers that the paper gives, and the distribution of transformers' masks."""

import numpy as np
import pytest
import torch
from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices

from lit_pretrain.corruptions.time_spans import TimeSpans
from lit_pretrain.types import Layout


def draw(masking: TimeSpans, lengths: tuple[int, ...], seed: int = 0, leading: int = 0) -> tuple[torch.Tensor, ...]:
    layout = Layout(lengths, leading=leading)
    return masking(layout, torch.Generator().manual_seed(seed)).split(lengths)


def runs(hidden: torch.Tensor) -> list[int]:
    return [len(run) for run in "".join("x" if h else " " for h in hidden.tolist()).split()]


def test_the_numbers_of_the_paper() -> None:
    """Of 15 s: about 49 % of all steps in spans of 14.7 steps on average, 10 in the median, and no more than about 100."""
    hidden = torch.stack(draw(TimeSpans(), (749,) * 400))
    lengths = torch.tensor([n for example in hidden for n in runs(example)], dtype=torch.float)
    assert hidden.float().mean().item() == pytest.approx(0.49, abs=0.005)
    assert lengths.mean().item() == pytest.approx(14.7, abs=0.2)
    assert lengths.median() == 10 and lengths.min() == 10 and 60 < lengths.max() < 130


@pytest.mark.parametrize(
    ("units", "probability", "length", "min_spans"),
    [(60, 0.65, 10, 2), (30, 0.3, 7, 0), (25, 0.2, 10, 2), (12, 0.9, 10, 2), (10, 0.5, 10, 0), (40, 0.5, 1, 0)],
)
def test_equals_the_distribution_of_transformers(units: int, probability: float, length: int, min_spans: int) -> None:
    """How often each unit is hidden, and how many of an example are."""
    examples = 3000
    ours = torch.stack(draw(TimeSpans(probability, length, min_spans), (units,) * examples)).numpy()
    np.random.seed(0)
    # One at a time: theirs draws the remainder once for a whole batch.
    theirs = np.concatenate([_compute_mask_indices((1, units), probability, length, min_masks=min_spans)
                             for _ in range(examples)])  # fmt: skip
    assert np.abs(ours.mean(0) - theirs.mean(0)).max() < 0.045, "four deviations of the difference of two such shares"
    counts = [np.bincount(m.sum(1), minlength=units + 1) / examples for m in (ours, theirs)]
    assert np.abs(counts[0] - counts[1]).sum() / 2 < 0.06


def test_spans_stay_in_their_examples() -> None:
    """Every length of examples beside others: whole spans within each, none in those that are too short."""
    lengths = (3, 10, 0, 25, 9, 40, 11)
    for seed in range(50):
        for n, hidden in zip(lengths, draw(TimeSpans(), lengths, seed), strict=True):
            assert all(run >= 10 for run in runs(hidden)), "a span is never cut"
            assert hidden.any() == (n >= 10)


def test_at_least_so_many_spans() -> None:
    """With two spans in 20 units, each hidden unit lies within one of two places."""
    hidden = torch.stack(draw(TimeSpans(0.01, 3, min_spans=2), (30,) * 300))
    assert hidden.sum(1).min() >= 4 and hidden.sum(1).max() == 6, "two different places, which may overlap"


def test_leading_units_stay() -> None:
    with_class = torch.stack(draw(TimeSpans(), (21,) * 200, leading=1))
    assert not with_class[:, 0].any() and with_class[:, 1].any() and with_class[:, -1].any()


def test_the_generator_alone_decides() -> None:
    assert torch.equal(torch.cat(draw(TimeSpans(), (50, 70), 3)), torch.cat(draw(TimeSpans(), (50, 70), 3)))
    assert not torch.equal(torch.cat(draw(TimeSpans(), (50, 70), 3)), torch.cat(draw(TimeSpans(), (50, 70), 4)))


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"probability=1\.5"):
        TimeSpans(1.5)
    with pytest.raises(ValueError, match="length=0"):
        TimeSpans(length=0)
    with pytest.raises(ValueError, match="units were left out"):
        layout = Layout((20, 20)).keep(torch.arange(40) % 3 > 0)
        TimeSpans()(layout, torch.Generator())
