"""Filling in the middle: nothing is lost, the parts stand in the order of the paper, and all cuts are equally likely."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from lit_pretrain.corruptions.fill_in_the_middle import FillInTheMiddle
from lit_pretrain.types import TextBatch, Vocabulary

PRE, SUF, MID, CLS, SEP, END = 16, 17, 18, 2, 3, 6
VOCAB = Vocabulary(20, torch.tensor([n < 8 or n >= 16 for n in range(20)]), torch.ones(20, dtype=torch.bool),
                   sentinels=(16, 17, 18, 19))  # fmt: skip


def documents(*given: list[int]) -> TextBatch:
    return TextBatch(torch.tensor([i for document in given for i in document]), tuple(map(len, given)), VOCAB)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_prefix_suffix_middle_come_back_as_they_were(generator):
    given = [[CLS, 8, 9, SEP, 10, 11, 12, END], [CLS, 13, END], [CLS, 14, 15, 8, 9, 10, 11, END]]
    for _ in range(50):
        made = FillInTheMiddle(1.0, 0.0)(documents(*given), generator)
        assert made.lengths == (11, 6, 11)
        for tokens, before in zip(made.tokens.split(made.lengths), given, strict=True):
            tokens = tokens.tolist()
            pre, suf, mid = (tokens.index(mark) for mark in (PRE, SUF, MID))
            prefix, suffix, middle = tokens[pre + 1 : suf], tokens[suf + 1 : mid], tokens[mid + 1 : -1]
            assert tokens[0] == CLS and pre == 1
            assert [CLS, *prefix, *middle, *suffix, tokens[-1]] == before


def test_suffix_first_has_prefix_and_middle_in_one_piece(generator):
    given = [CLS, 8, 9, 10, 11, 12, 13, END]
    for _ in range(50):
        tokens = FillInTheMiddle(1.0, 1.0)(documents(given), generator).tokens.tolist()
        mid = tokens.index(MID)
        assert tokens[:3] == [CLS, PRE, SUF]
        assert [CLS, *tokens[mid + 1 : -1], *tokens[3:mid], END] == given


def test_both_cuts_are_uniform(generator):
    given = documents(*[[CLS, 8, 9, END]] * 6000)
    made = FillInTheMiddle(1.0, 0.0)(given, generator)
    count = Counter()
    for tokens in made.tokens.split(made.lengths):
        tokens = tokens.tolist()
        count[tokens.index(SUF) - 2, len(tokens) - tokens.index(MID) - 2] += 1  # tokens of prefix and middle
    expected = {(0, 0): 1, (1, 0): 1, (2, 0): 1, (0, 1): 2, (1, 1): 2, (0, 2): 2}  # of 9
    assert count.keys() == expected.keys()
    assert all(abs(count[key] / 6000 - share / 9) < 0.025 for key, share in expected.items())


def test_the_others_stay_as_they_are(generator):
    given = documents(*[[CLS, 8, 9, 10, END]] * 2000)
    made = FillInTheMiddle(0.3, 0.5)(given, generator)
    kept = [tokens.tolist() for tokens, n in zip(made.tokens.split(made.lengths), made.lengths, strict=True) if n == 5]
    assert all(tokens == [CLS, 8, 9, 10, END] for tokens in kept)
    assert abs(len(kept) / 2000 - 0.7) < 0.05


def test_a_document_without_text_is_no_obstacle(generator):
    made = FillInTheMiddle(1.0, 0.0)(documents([CLS, END], [CLS, 8, END]), generator)
    assert made.lengths == (5, 6) and made.tokens[:5].tolist() == [CLS, END, PRE, SUF, MID]


def test_it_needs_three_sentinels(generator):
    few = replace(documents([CLS, 8, END]), vocab=replace(VOCAB, sentinels=(16, 17)))
    with pytest.raises(ValueError, match="num_sentinels of 3"):
        FillInTheMiddle()(few, generator)
    with pytest.raises(ValueError, match="rate=0"):
        FillInTheMiddle(0.0)
