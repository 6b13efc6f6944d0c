"""Endings are asked for, scored and kept, and a model that cannot write says so."""

import json

import pytest

from lit_pretrain.callbacks.completion import Completion
from lit_pretrain.callbacks.summary import Summary


@pytest.fixture
def cut(digits):
    """Each digit is to be completed by its number in words; every fourth cannot be cut."""
    words = ["zero", "one", "two", "three"]
    type(digits).unfinished = lambda self, batch: (
        type(batch)(batch.images[batch.index % 4 > 0], index=batch.index[batch.index % 4 > 0]),
        [words[i % 4] for i in batch.index.tolist() if i % 4],
    )
    type(digits).endings = lambda self, written: [words[i] for i in written]
    yield digits
    del type(digits).unfinished, type(digits).endings


def knows(*known):
    def prepare(module):
        object.__setattr__(module, "complete", lambda batch, length: [
            n if (n := i % 4) in known else 0 for i in batch.index.tolist()
        ])  # fmt: skip

    return prepare


def test_scores(tmp_path, fit, cut):
    completion = Completion(limit=40, length=3, on_error="raise")
    _, trainer, _ = fit(tmp_path, [completion, Summary()], data=cut, prepare=knows(1, 3), max_steps=1)
    row = completion.history[-1]
    assert row["exact_match"] == pytest.approx(2 / 3)
    assert row["edit_similarity"] == pytest.approx((2 + 2 * 1 / 7) / 3)  # "two" and "zero" share one letter of seven
    assert row["endings"][:2] == [{"wanted": "one", "written": "one"}, {"wanted": "two", "written": "zero"}]
    assert float(trainer.callback_metrics["completion/exact_match"]) == pytest.approx(2 / 3)
    kept = json.loads((tmp_path / "summary.json").read_text())["completion"]
    assert kept["protocol"]["examples"] == 30 and kept["protocol"]["length"] == 3


def test_what_cannot_be_completed_is_named(tmp_path, fit, cut, digits):
    with pytest.raises(ValueError, match="Denoise completes nothing"):
        fit(tmp_path, [Completion(on_error="raise")], data=cut)
    type(digits).unfinished = lambda self, batch: None
    with pytest.raises(ValueError, match="Digits can cut none"):
        fit(tmp_path, [Completion(on_error="raise")], data=cut, prepare=knows())
    with pytest.raises(ValueError, match="length=0"):
        Completion(length=0)
