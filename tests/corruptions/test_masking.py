"""Maskings hide the share they promise, words whole, spans inside documents, and never a special token."""

import pytest
import torch

from lit_pretrain.corruptions.masking import DynamicMasking, SpanMasking, WholeWordMasking
from lit_pretrain.corruptions.replacing import replace_masked
from lit_pretrain.types import TextBatch, Vocabulary

V = 100
VOCAB = Vocabulary(V, torch.arange(V) < 5, torch.arange(V) % 2 == 0, mask=4)


def documents(length: int, count: int) -> TextBatch:
    tokens = torch.randint(5, V, (length * count,), generator=torch.Generator().manual_seed(0))
    tokens[::length] = 2
    return TextBatch(tokens, (length,) * count, VOCAB)


@pytest.mark.parametrize("masking", [DynamicMasking, WholeWordMasking, SpanMasking])
@pytest.mark.parametrize("rate", [0.15, 0.5])
def test_share(masking, rate):
    batch = documents(400, 100)
    masked = masking(rate)(batch, torch.Generator().manual_seed(0))
    text = batch.tokens >= 5
    assert not (masked & ~text).any()
    assert abs(masked[text].float().mean() - rate) < 0.01


def test_words_are_hidden_whole():
    batch = documents(50, 40)
    masked = WholeWordMasking(0.3)(batch, torch.Generator().manual_seed(0))
    inside = (batch.tokens % 2 == 1)[1:] & (batch.tokens >= 5)[:-1] & (batch.layout.position > 0)[1:]
    assert (masked[1:] == masked[:-1])[inside].all() and masked.any() and not masked.all()


def test_spans_have_the_mean_length_and_stay_inside():
    batch = documents(10_000, 2)
    masked = SpanMasking(0.02, mean_length=4.0, max_length=10)(batch, torch.Generator().manual_seed(0))
    begins = masked & ~torch.cat([torch.tensor([False]), masked[:-1]])
    # Geometric with mean 4, cut at 10: sum of 0.75^k for k < 10 is 3.77; rare neighbours add a little.
    assert 3.3 < masked.sum() / begins.sum() < 4.4


def test_something_is_always_hidden():
    batch = TextBatch(torch.tensor([2, 7, 8, 3]), (4,), VOCAB)
    masked = DynamicMasking(1e-6)(batch, torch.Generator().manual_seed(0))
    assert masked.tolist() == [False, True, False, False]
    empty = TextBatch(torch.tensor([2, 3]), (2,), VOCAB)
    assert not DynamicMasking(0.5)(empty, torch.Generator().manual_seed(0)).any()


def test_shares_of_bert():
    batch = documents(20_000, 2)
    masked = DynamicMasking(0.5)(batch, torch.Generator().manual_seed(0))
    tokens = replace_masked(batch, masked, 0.8, 0.1, torch.Generator().manual_seed(1))
    assert torch.equal(tokens[~masked], batch.tokens[~masked])
    hidden = (tokens[masked] == 4).float().mean()
    kept = (tokens[masked] == batch.tokens[masked]).float().mean()
    assert abs(hidden - 0.801) < 0.01 and abs(kept - 0.101) < 0.01  # random tokens are [MASK] or right by chance


def test_bad_rates_are_refused():
    with pytest.raises(ValueError, match=r"rate=1\.5"):
        DynamicMasking(1.5)
    with pytest.raises(ValueError, match=r"mask_share=0\.95"):
        replace_masked(documents(4, 1), torch.ones(4, dtype=torch.bool), 0.95, 0.1, torch.Generator())


def test_a_batch_may_be_shorter_than_a_span():
    batch = TextBatch(torch.tensor([2, 7, 8]), (3,), VOCAB)
    assert SpanMasking(0.9, max_length=10)(batch, torch.Generator().manual_seed(0)).tolist()[0] is False
