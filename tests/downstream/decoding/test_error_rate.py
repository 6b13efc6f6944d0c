"""Error rates: those of torchmetrics."""

import random

import pytest
from torchmetrics.functional.text import char_error_rate, word_error_rate

from lit_pretrain.downstream.decoding.error_rate import edit_distance, error_rate


def test_torchmetrics():
    choose = random.Random(0)
    sentences = [" ".join(choose.choices(["a", "bc", "bcd", "da"], k=choose.randint(1, 8))) for _ in range(40)]
    hypotheses, references = sentences[:20], sentences[20:]
    assert error_rate(hypotheses, references) == pytest.approx(float(char_error_rate(hypotheses, references)))
    words = [[x.split() for x in side] for side in (hypotheses, references)]
    assert error_rate(*words) == pytest.approx(float(word_error_rate(hypotheses, references)))


def test_known_distances():
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance((), (1, 2)) == edit_distance((1, 2), ()) == 2
    assert error_rate([(1, 2, 3, 4)], [(9,)]) == 4.0


def test_mistakes():
    with pytest.raises(ValueError, match="1 hypotheses and 2 references"):
        error_rate(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="empty"):
        error_rate(["a"], [""])
