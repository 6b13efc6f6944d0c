"""A small vocabulary and documents of mixed lengths."""

import pytest
import torch

from lit_pretrain.types import TextBatch, Vocabulary

V = 64  # ids 0..7 are special (pad, unk, cls, sep, mask, bos, eos, -), 56..63 are sentinels


@pytest.fixture
def vocab() -> Vocabulary:
    special = torch.zeros(V, dtype=torch.bool)
    special[:8], special[56:] = True, True
    starts_word = torch.arange(V) % 3 != 0
    return Vocabulary(V, special, starts_word, pad=0, cls=2, sep=3, mask=4, bos=5, eos=6, sentinels=tuple(range(56, 64)))


@pytest.fixture
def batch(vocab: Vocabulary) -> TextBatch:
    """Four documents [CLS] x [SEP] of 12, 3, 20 and 7 tokens."""
    lengths = (12, 3, 20, 7)
    tokens = torch.randint(8, 56, (sum(lengths),), generator=torch.Generator().manual_seed(0))
    made = TextBatch(tokens, lengths, vocab, torch.tensor([40, 4, 70, 20]))
    offsets = made.layout.offsets.long()
    made.tokens[offsets[:-1]], made.tokens[offsets[1:] - 1] = vocab.cls, vocab.sep
    return made


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
