"""Splits that hold the same examples are found by what is in them."""

import json
from dataclasses import replace

import pytest
import torch

from lit_pretrain.downstream.cell import Subject
from lit_pretrain.downstream.leak import check_apart, shared
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.types import Edges, GraphBatch, SpeechBatch, TextBatch


def test_validation_that_is_test_is_refused_by_name(digits, encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(digits, "numbers", lambda split, limit, seed: [0, 1, 2] if split == "train" else [5, 6, 7, 8])
    protocol = Protocol(tunings=(), seeds=(0,))
    says = "digits: 4 of 4 examples of the test split stand in the validation split too, such as number 0 of test and 0 of"
    for _ in range(2):  # what was found is kept, and refused again
        with pytest.raises(ValueError, match=says):
            protocol.run([Subject("digits", encoder, digits)], tmp_path)
    assert not (tmp_path / "cells").exists(), "nothing was computed"
    assert Protocol(tunings=(), overlap=1.0).overlap == 1.0
    with pytest.raises(ValueError, match="overlap"):
        Protocol(overlap=1.5)


def test_copies_in_training_are_counted_and_may_be_allowed(digits, tmp_path):
    images = digits.dataset.tensors[0]
    test, train = digits.numbers("test", None, 0), digits.numbers("train", None, 0)
    before = shared(digits)["train, test"]["same"]
    images[test[7]] = images[train[3]]
    found = shared(digits)["train, test"]
    assert found == {"same": before + 1, "of": len(test), "first": 3, "again": 7}
    check_apart("digits", digits, 0.05, tmp_path / "a" / "splits.json")
    assert json.loads((tmp_path / "a" / "splits.json").read_text())["train, test"] == found
    with pytest.raises(ValueError, match="stand in the train split too"):
        check_apart("digits", digits, 0.0, tmp_path / "a" / "splits.json")


def graphs(*edges: list[tuple[int, int]], **options) -> GraphBatch:
    """Graphs of three nodes."""
    index = torch.cat([torch.tensor(own).long().T.reshape(2, -1) + 3 * i for i, own in enumerate(edges)], 1)
    return GraphBatch(torch.zeros(3 * len(edges), 2), Edges.of(index, 3 * len(edges))[0], (3,) * len(edges), **options)


def test_contents_tell_examples_apart_wherever_they_stand():
    text = TextBatch(torch.tensor([1, 2, 3, 1, 2]), (2, 1, 2), labels=torch.tensor([0, 1, 2]))
    a, b, c = text.contents()
    assert a == c != b
    assert TextBatch(torch.tensor([3]), (1,)).contents() == [b]
    speech = SpeechBatch(torch.tensor([0.5, 0.5, 0.25, 0.5]), (1, 1, 2), 8000)
    assert len(set(speech.contents())) == 2
    path, fork, again, bare = graphs([(0, 1), (1, 2)], [(0, 1), (0, 2)], [(0, 1), (1, 2)], []).contents()
    assert path == again and len({path, fork, bare}) == 3
    sampled = graphs([(0, 1), (1, 2)], seeds=torch.tensor([2, 0]), nodes=torch.tensor([7, 8, 9]))
    whole = replace(sampled, seeds=torch.tensor([1, 9]), nodes=None)
    assert len({*sampled.contents(), *whole.contents()}) == 3 and sampled.contents()[0] == whole.contents()[1]
