"""What holds of every masking, whatever the lengths of the examples."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_pretrain.corruptions.fill_in_the_middle import FillInTheMiddle
from lit_pretrain.corruptions.masking import DynamicMasking, SpanMasking, WholeWordMasking
from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.corruptions.spans import SpanCorruption
from lit_pretrain.corruptions.time_spans import TimeSpans
from lit_pretrain.types import Layout, TextBatch, Vocabulary

V, SPECIAL = 60, 24  # ids; those below SPECIAL stand for no text
VOCAB = Vocabulary(V, torch.arange(V) < SPECIAL, torch.arange(V) % 3 == 0, mask=4, eos=5, sentinels=tuple(range(6, SPECIAL)))
IDS = st.one_of(st.sampled_from([2, 3]), st.integers(SPECIAL, V - 1), st.integers(SPECIAL, V - 1))  # one in three is special
DOCUMENTS = st.lists(st.lists(IDS, min_size=1, max_size=40), min_size=1, max_size=6)
LENGTHS, SHARES, SEEDS = st.lists(st.integers(0, 40), min_size=1, max_size=6), st.floats(0.01, 0.99), st.integers(0, 2**31)


def batch_of(documents: list[list[int]]) -> TextBatch:
    tokens = torch.tensor([token for document in documents for token in document])
    return TextBatch(tokens, tuple(map(len, documents)), VOCAB, num_bytes=torch.ones(len(documents)))


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("masking", [DynamicMasking, WholeWordMasking, SpanMasking])
@given(documents=DOCUMENTS, rate=SHARES, seed=SEEDS)
def test_text_alone_is_masked_and_some_of_it_always(masking, documents, rate, seed):
    batch = batch_of(documents)
    masked, state = masking(rate)(batch, seeded(seed)), torch.get_rng_state()
    text = batch.tokens >= SPECIAL
    assert not (masked & ~text).any() and bool(masked.any()) == bool(text.any())
    assert torch.equal(masked, masking(rate)(batch, seeded(seed))), "the generator alone decides"
    assert torch.equal(state, torch.get_rng_state())


@given(documents=DOCUMENTS, rate=SHARES, mean_length=st.floats(1, 8), seed=SEEDS)
def test_spans_cut_out_their_share_of_each_document_and_the_two_halves_make_it_whole(documents, rate, mean_length, seed):
    batch, corruption = batch_of(documents), SpanCorruption(rate, mean_length)
    cut = corruption.choose(batch, seeded(seed)).split(batch.lengths)
    source, target = corruption(batch, seeded(seed))
    for own, tokens, left, right in zip(
        cut, batch.tokens.split(batch.lengths), *(x.tokens.split(x.lengths) for x in (source, target)), strict=True
    ):
        text = tokens >= SPECIAL
        total = int(text.sum())
        assert not (own & ~text).any()
        assert int(own.sum()) == (min(max(1, round(total * rate)), total - 1) if total > 1 else 0)
        spans: dict[int, list[int]] = {}
        for token in right[:-1].tolist():
            if 6 <= token < SPECIAL:
                spans[token] = []
            else:
                spans[next(reversed(spans))].append(token)
        whole = [t for token in left.tolist() for t in (spans.pop(token) if 6 <= token < SPECIAL else [token])]
        assert whole == tokens.tolist() and not spans and right[-1] == 5


@given(documents=DOCUMENTS, rate=st.floats(0.01, 1), seed=SEEDS)
def test_a_middle_that_comes_last_is_what_was_in_the_middle(documents, rate, seed):
    batch = batch_of([[2, *(t for t in document if t >= SPECIAL), 3] for document in documents])
    moved = FillInTheMiddle(rate)(batch, seeded(seed))
    for old, new in zip(batch.tokens.split(batch.lengths), moved.tokens.split(moved.lengths), strict=True):
        assert sorted(old.tolist()) == sorted(t for t in new.tolist() if t not in (6, 7, 8))
        assert new[0] == 2 and new[-1] == 3 and len(new) - len(old) in (0, 3)
    assert torch.equal(moved.tokens, FillInTheMiddle(rate)(batch, seeded(seed)).tokens)


@given(lengths=LENGTHS, ratio=SHARES, leading=st.integers(0, 3), seed=SEEDS)
def test_the_same_share_of_every_example_is_hidden(lengths, ratio, leading, seed):
    layout = Layout(tuple(n + leading for n in lengths), leading=leading)
    hidden = RandomUnits(ratio)(layout, seeded(seed))
    for n, own in zip(lengths, hidden.split(layout.lengths), strict=True):
        assert not own[:leading].any()
        assert n - int(own.sum()) == min(n, max(1, int(n * (1 - ratio))))
    assert torch.equal(hidden, RandomUnits(ratio)(layout, seeded(seed)))


@given(
    lengths=LENGTHS,
    probability=st.floats(0.01, 1),
    length=st.integers(1, 12),
    least=st.integers(0, 3),
    leading=st.integers(0, 3),
    seed=SEEDS,
)
def test_time_spans_are_whole_and_as_many_as_they_may_be(lengths, probability, length, least, leading, seed):
    layout, masking = Layout(tuple(n + leading for n in lengths), leading=leading), TimeSpans(probability, length, least)
    hidden = masking(layout, seeded(seed))
    for n, own in zip(lengths, hidden.split(layout.lengths), strict=True):
        assert not own[:leading].any()
        runs = [len(run) for run in "".join("x" if h else " " for h in own.tolist()).split()]
        assert all(run >= length for run in runs), "a span was cut"
        spans = min(n // length, max(least, int(probability * n / length + 1)))
        assert sum(runs) <= spans * length and bool(runs) >= (min(least, n // length) > 0)
    assert torch.equal(hidden, masking(layout, seeded(seed)))
