"""Encoder, decoder and both by the batch's prefix; without one, all see all, and writing on equals reading again."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.encoders.unified import UnifiedTransformer
from lit_pretrain.nn.generate import generate
from lit_pretrain.nn.head.tied import TiedHead
from lit_pretrain.types import TextBatch

LENGTHS = (5, 3)


def batch(**given) -> TextBatch:
    return TextBatch(torch.arange(8) % 5 + 1, LENGTHS, **given)


@torch.no_grad()
@pytest.mark.parametrize("prefix", [None, (0, 0), (2, 3)])
def test_who_sees_whom(prefix):
    model = UnifiedTransformer(16, 8, 2, 2).eval()
    inputs = batch(prefix=prefix)
    before = model(inputs).units
    for j in range(5):
        changed = inputs.tokens.clone()
        changed[j] = 9
        reached = (model(replace(inputs, tokens=changed)).units - before).abs().amax(1) > 1e-7
        whole = 5 if prefix is None else prefix[0]
        assert reached.tolist() == [j <= i or j < whole for i in range(5)] + [False] * 3


@torch.no_grad()
@pytest.mark.parametrize("prefix", [None, (0, 0), (5, 3)])
def test_writing_on_with_cached_keys_equals_reading_again(prefix):
    torch.manual_seed(0)
    model, head = UnifiedTransformer(16, 8, 2, 2).eval(), TiedHead()
    written = generate(model, head, batch(prefix=prefix), max_new_tokens=4, temperature=0)
    texts = [[*tokens.tolist()] for tokens in batch().tokens.split(LENGTHS)]
    for b, text in enumerate(texts):
        seen = (len(text) if prefix is None else prefix[b],)
        for new in written[b].tolist():
            units = model(TextBatch(torch.tensor(text), (len(text),), prefix=seen)).units
            assert int(head(units[-1:], model).argmax()) == new
            text.append(new)
