"""CosineHead gives the logits of torchaudio's pretraining head with the same weights."""

import pytest
import torch
from torchaudio.models.wav2vec2.components import LogitGenerator

from lit_pretrain.nn.head.cosine import CosineHead
from lit_pretrain.part import Part

NO_ENCODER = Part()


@torch.no_grad()
def test_equals_torchaudio():
    torch.manual_seed(0)
    head = CosineHead(6, 9, code_dim=4)
    theirs = LogitGenerator(6, 9, 4, skip_masked=False, skip_nomask=True)
    theirs.final_proj.load_state_dict(head.projection.state_dict())
    theirs.label_embeddings.copy_(head.codes)
    units, labels = torch.randn(1, 20, 6), torch.randint(9, (1, 20))
    expected, _ = theirs(units, labels, torch.ones(1, 20, dtype=torch.bool), None)  # the target's first, -inf at its place
    logits = head(units[0], NO_ENCODER)
    torch.testing.assert_close(logits.gather(1, labels[0, :, None]), expected[:, :1])
    others = torch.arange(9) != labels[0, :, None]
    torch.testing.assert_close(logits[others], expected[:, 1:][others])
    assert expected[:, 1:][~others].isinf().all()


@torch.no_grad()
def test_lengths_do_not_count():
    head = CosineHead(6, 9, temperature=0.5)
    head.projection.bias.zero_()
    units = torch.randn(5, 6)
    torch.testing.assert_close(head(units * 100, NO_ENCODER), head(units, NO_ENCODER))
    assert head(units, NO_ENCODER).abs().max() <= 2


def test_mistakes():
    with pytest.raises(ValueError, match="temperature=0"):
        CosineHead(6, 9, temperature=0)
