"""ELECTRA: all tokens are judged, a lucky guess counts as original, and sampling carries no gradient."""

import pytest
import torch

from lit_pretrain.encoders.bert import BERT
from lit_pretrain.nn.head.binary import BinaryHead
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.objectives.text.electra import ELECTRA


def electra() -> ELECTRA:
    torch.manual_seed(0)
    small, large = BERT(64, 16, 1, 2, dropout=0.0), BERT(64, 16, 2, 2, dropout=0.0)
    return ELECTRA(large, small, TransformHead(16, 64), BinaryHead(16))


def test_the_discriminator_judges_every_token(batch):
    term = electra().loss(batch)["discriminator"]
    assert term.count == len(batch.tokens) and term.weight == 50.0


def test_sampled_originals_count_as_original(batch, monkeypatch):
    model, targets = electra(), []
    masked = model.masking(batch, model.generator)
    monkeypatch.setattr(model, "masking", lambda batch, generator: masked)
    binary_cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
    monkeypatch.setattr(
        "torch.nn.functional.binary_cross_entropy_with_logits",
        lambda scores, target, **k: targets.append(target) or binary_cross_entropy(scores, target, **k),
    )
    monkeypatch.setattr(model, "sample", lambda logits: batch.tokens[masked])
    model.loss(batch)
    assert not targets[-1].any()
    monkeypatch.setattr(model, "sample", lambda logits: torch.full((int(masked.sum()),), 4))
    model.loss(batch)
    assert torch.equal(targets[-1].bool(), masked)


def test_the_discriminator_does_not_train_the_generator(batch):
    model = electra()
    model.loss(batch)["discriminator"].sum.backward()
    own = [p for n, p in model.generator_encoder.named_parameters() if not n.startswith("embedding.")]
    assert all(p.grad is None for p in [*own, *model.generator_head.parameters()])
    assert model.encoder.token_table().grad.abs().sum() > 0


def test_embedding_is_shared(batch):
    model = electra()
    assert model.generator_encoder.token_table() is model.encoder.token_table()
    with pytest.raises(ValueError, match=r"\(64, 16\).*\(64, 8\)"):
        ELECTRA(BERT(64, 16, 1, 2), BERT(64, 8, 1, 2), TransformHead(8, 64), BinaryHead(16))


def test_samples_follow_the_generator(batch):
    model = electra()
    logits = torch.tensor([0.7, 0.2, 0.1]).log().expand(20000, 3)
    share = torch.bincount(model.sample(logits), minlength=3) / 20000
    torch.testing.assert_close(share, torch.tensor([0.7, 0.2, 0.1]), atol=0.02, rtol=0)
