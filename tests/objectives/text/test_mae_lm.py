"""MAE-LM: the encoder never meets [MASK], and visible tokens keep their original positions."""

from dataclasses import replace

import torch

from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.units import Units
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.nn.residual.post_norm import PostNorm
from lit_pretrain.objectives.text.mae_lm import MAELM


def mae_lm() -> MAELM:
    torch.manual_seed(0)
    block = Block(Attention(16, 2), MLP(16), PostNorm(LayerNorm(16)))
    decoder = Transformer(Units(16), block, Plain(1), Learned(16, 32), maskable=True)
    return MAELM(BERT(64, 16, 2, 2, dropout=0.0), decoder, TransformHead(16, 64))


def test_the_encoder_reads_visible_tokens_at_their_positions(batch):
    model, seen = mae_lm(), []
    model.encoder.register_forward_hook(lambda encoder, args, kwargs, out: seen.append((args[0], out)), with_kwargs=True)
    term = model.loss(batch)["mae_lm"]
    inputs, encoded = seen[0]
    assert not (inputs.tokens == batch.vocab.mask).any()
    assert len(encoded.units) == len(batch.tokens) - term.count
    position = batch.layout.position
    assert set(encoded.layout.position.tolist()) <= set(position.tolist()) and not encoded.layout.contiguous


def test_hidden_tokens_reach_nothing(batch, monkeypatch):
    """Unlike MLM's shares of kept and random tokens, what is hidden has no way into encoder or decoder."""
    model = mae_lm()
    masked = torch.zeros(len(batch.tokens), dtype=torch.bool)
    masked[[4, 18, 19]] = True
    monkeypatch.setattr(model, "masking", lambda batch, generator: masked)
    seen = []
    model.decoder.register_forward_hook(lambda decoder, args, out: seen.append(out.units))
    model.loss(batch)
    model.loss(replace(batch, tokens=batch.tokens.masked_fill(masked, 11)))
    assert torch.equal(seen[0], seen[1])


def test_leaving_out_equals_a_document_without_the_token():
    """`keep` is removal, not an attention mask: with rows of the position table moved along, both agree."""
    model = mae_lm().encoder
    from lit_pretrain.types import TextBatch

    tokens = torch.tensor([2, 10, 11, 12, 3])
    kept = model(TextBatch(tokens, (5,)), keep=torch.tensor([True, True, False, True, True])).units
    table = model.position.table.weight.data
    table[2:4] = table[3:5].clone()
    torch.testing.assert_close(kept, model(TextBatch(tokens[[0, 1, 3, 4]], (4,))).units)
