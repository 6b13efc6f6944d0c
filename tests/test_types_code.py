"""Batches of code: what their two sides are."""

import pytest
import torch

from lit_pretrain.types import CodeBatch, Kind, Layout, Ragged, TextBatch

CLS, SEP = 0, 1


def batch_of(*examples: tuple[list[int], list[int]]) -> CodeBatch:
    """[CLS] description [SEP] code [SEP], or [CLS] code [SEP]; ids of descriptions are below 50."""
    tokens, kinds, lengths = [], [], []
    for doc, code in examples:
        row = [CLS, *doc, *([SEP] if doc else []), *code, SEP]
        kinds += [Kind.SPECIAL if t < 2 else Kind.DOC if t < 50 else Kind.IDENTIFIER for t in row]
        tokens += row
        lengths.append(len(row))
    nothing = torch.full((len(tokens),), -1)
    count = len(examples)
    return CodeBatch(torch.tensor(tokens), tuple(lengths), kind=torch.tensor(kinds, dtype=torch.uint8), leaf=nothing,
                     name=nothing, tree=Ragged(torch.zeros(count, dtype=torch.long), (1,) * count),
                     labels=torch.arange(count), index=torch.arange(count) + 100)  # fmt: skip


def test_sides_are_what_each_would_be_as_an_example_of_its_own():
    batch = batch_of(([10, 11], [50, 51, 52]), ([], [60]), ([12], [70, 71]), ([13], []))
    queries, answers = batch.counterparts
    assert queries.lengths == (4, 3) and queries.tokens.tolist() == [CLS, 10, 11, SEP, CLS, 12, SEP]
    assert answers.lengths == (5, 4) and answers.tokens.tolist() == [CLS, 50, 51, 52, SEP, CLS, 70, 71, SEP]
    for side in (queries, answers):
        assert side.labels.tolist() == [0, 2] and side.index.tolist() == [100, 102] and side.tree is None
        assert isinstance(side.layout, Layout) and side.layout.position.max() == max(side.lengths) - 1
    assert set(queries.kind.tolist()) == {Kind.SPECIAL, Kind.DOC}


def test_parts_hold_the_examples_in_order():
    answers = batch_of(([10, 11], [50, 51, 52]), ([12], [70, 71]), ([13], [80])).counterparts[1]
    first, rest = answers.split(2)
    assert (first.lengths, rest.lengths) == ((5, 4), (3,)) and rest.tokens.tolist() == [CLS, 80, SEP]
    assert torch.cat([first.tokens, rest.tokens]).equal(answers.tokens)
    assert first.index.tolist() + rest.index.tolist() == answers.index.tolist()
    with pytest.raises(ValueError, match="TextBatch cannot be divided into batches of 2"):
        TextBatch(torch.arange(2), (1, 1)).split(2)


def test_where_no_example_has_both_there_are_none():
    queries, answers = batch_of(([], [60]), ([13], [])).counterparts
    assert queries.num_examples == answers.num_examples == len(queries.tokens) == 0


def test_other_batches_have_one_side():
    assert TextBatch(torch.arange(2), (2,)).counterparts is None
