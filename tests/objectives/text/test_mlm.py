"""MLM: the loss is on hidden tokens only, and a target is never visible."""

from dataclasses import replace

import torch
import torch.nn.functional as F

from lit_pretrain.encoders.bert import BERT
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.objectives.text.mlm import MLM


def mlm(**settings) -> MLM:
    torch.manual_seed(0)
    return MLM(BERT(64, 16, 2, 2, dropout=0.0), TransformHead(16, 64), **settings)


def test_loss_is_that_of_all_logits_at_the_masked_tokens(batch, monkeypatch):
    model = mlm(mask_share=1.0, random_share=0.0)
    masked = torch.zeros(len(batch.tokens), dtype=torch.bool)
    masked[[3, 15, 20]] = True
    monkeypatch.setattr(model, "masking", lambda batch, generator: masked)
    term = model.loss(batch)["mlm"]
    hidden = replace(batch, tokens=batch.tokens.masked_fill(masked, batch.vocab.mask))
    logits = model.head(model.encoder(hidden).units, model.encoder)  # every token's
    reference = F.cross_entropy(logits, batch.tokens.masked_fill(~masked, -100), ignore_index=-100)
    torch.testing.assert_close(term.sum / term.count, reference)


def test_logits_are_computed_at_masked_tokens_only(batch):
    model, rows = mlm(), []
    model.head.transform.register_forward_pre_hook(lambda transform, args: rows.append(len(args[0])))
    term = model.loss(batch)["mlm"]
    assert rows == [int(term.count)] and rows[0] < len(batch.tokens) / 2


def test_a_fully_masked_target_does_not_leak(batch, monkeypatch):
    """With mask_share 1, changing a hidden token changes the target but no prediction."""
    model = mlm(mask_share=1.0, random_share=0.0)
    masked = torch.arange(len(batch.tokens)) == 5
    monkeypatch.setattr(model, "masking", lambda batch, generator: masked)
    seen = []
    model.head.norm.register_forward_hook(lambda norm, args, out: seen.append(out))  # what the table scores
    model.loss(batch)
    other = replace(batch, tokens=torch.where(masked, 9 + (batch.tokens == 9).long(), batch.tokens))
    model.loss(other)
    assert torch.equal(seen[0], seen[1])
