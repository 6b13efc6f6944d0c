"""Span corruption: what is cut out stands in the target, and the two give the document back."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.corruptions.spans import SpanCorruption, compositions
from lit_pretrain.types import TextBatch


def restore(source: list[int], target: list[int], sentinels: set[int]) -> list[int]:
    """Put each span of the target back in place of its sentinel."""
    spans, key = {}, None
    for token in target[:-1]:  # without </s>
        if token in sentinels:
            key, spans[token] = token, []
        else:
            spans[key].append(token)
    return [t for token in source for t in (spans[token] if token in sentinels else [token])]


@pytest.mark.parametrize("rate, mean_length", [(0.15, 3.0), (0.5, 2.0), (0.9, 5.0)])
def test_source_and_target_give_the_document_back(batch, generator, rate, mean_length):
    source, target = SpanCorruption(rate, mean_length)(batch, generator)
    sentinels = set(batch.vocab.sentinels)
    parts = (x.tolist() for x in batch.tokens.split(batch.lengths))
    for whole, s, t in zip(parts, source.tokens.split(source.lengths), target.tokens.split(target.lengths), strict=True):
        assert restore(s.tolist(), t.tolist(), sentinels) == whole
        used = [x for x in s.tolist() if x in sentinels]
        assert used == sorted(used) == [x for x in t.tolist() if x in sentinels]  # first to last, once each
        assert t[-1] == batch.vocab.eos


def test_lengths_follow_the_published_rule(vocab, generator):
    """T5 at 512 tokens: round(0.15 * 512) = 77 cut tokens in round(77 / 3) = 26 spans."""
    size = 600
    big = replace(vocab, size=size, special=torch.arange(size) >= 500, starts_word=torch.ones(size, dtype=torch.bool),
                  sentinels=tuple(range(500, 600)))  # fmt: skip
    batch = TextBatch(torch.randint(8, 500, (512,), generator=generator), (512,), big)
    source, target = SpanCorruption(0.15, 3.0)(batch, generator)
    assert source.lengths == (512 - 77 + 26,) and target.lengths == (77 + 26 + 1,)


def test_compositions_are_uniform(generator):
    """4 = a + b + c has three compositions, each as likely."""
    lengths = compositions(torch.full((6000,), 4), torch.full((6000,), 3), generator).view(-1, 3)
    assert (lengths >= 1).all() and (lengths.sum(1) == 4).all()
    share = (lengths == 2).float().mean(0)
    torch.testing.assert_close(share, torch.full((3,), 1 / 3), atol=0.03, rtol=0)


def test_special_tokens_and_tiny_documents_survive(vocab, generator):
    tokens = torch.tensor([2, 3, 2, 9, 3, 2, 9, 10, 3])
    batch = TextBatch(tokens, (2, 3, 4), vocab)
    source, target = SpanCorruption(0.5, 3.0)(batch, generator)
    assert source.lengths == (2, 3, 4) and target.lengths == (1, 1, 3)


def test_missing_sentinels_are_named(batch, generator):
    with pytest.raises(ValueError, match="sentinel"):
        SpanCorruption()(replace(batch, vocab=replace(batch.vocab, sentinels=())), generator)
