"""CLM: each token from those before it, within its document; bits per byte from the sum."""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F

from lit_pretrain.corruptions.fill_in_the_middle import FillInTheMiddle
from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.head.tied import TiedHead
from lit_pretrain.nn.mixer.attention import CausalAttention
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.objectives.text.clm import CLM


def clm() -> CLM:
    torch.manual_seed(0)
    block = Block(CausalAttention(16, 2), MLP(16), PreNorm(LayerNorm(16)))
    return CLM(Transformer(TokenEmbedding(64, 16), block, Plain(2), Learned(16, 32), final_norm=LayerNorm(16)), TiedHead())


def test_equals_one_document_at_a_time(batch):
    model = clm()
    total = torch.tensor(0.0)
    for tokens in batch.tokens.split(batch.lengths):
        one = replace(batch, tokens=tokens, lengths=(len(tokens),), num_bytes=None)
        logits = model.head(model.encoder(one).units, model.encoder)
        total += F.cross_entropy(logits[:-1], tokens[1:], reduction="sum")
    terms = model.loss(batch)
    torch.testing.assert_close(terms["clm"].sum, total)
    assert terms["clm"].count == len(batch.tokens) - batch.num_examples


def test_no_prediction_sees_its_target(batch):
    model = clm()
    before = model.encoder(batch).units
    tokens = batch.tokens.clone()
    tokens[6:12] = 9  # the rest of the first document
    after = model.encoder(replace(batch, tokens=tokens)).units
    torch.testing.assert_close(after[:6], before[:6])
    assert (after[6:12] - before[6:12]).abs().max() > 1e-4
    torch.testing.assert_close(after[12:], before[12:])


def test_bits_per_byte_is_watched_only(batch):
    terms = clm().loss(batch)
    bits = terms["bits_per_byte"]
    assert bits.weight == 0 and bits.count == 134
    torch.testing.assert_close(bits.sum * math.log(2), terms["clm"].sum.detach())


def test_the_middle_is_learned_last_in_training_alone(batch):
    plain, changed = clm(), clm()
    changed.rearrange = FillInTheMiddle(1.0)
    changed.generator.manual_seed(3)
    expected = plain.loss(FillInTheMiddle(1.0)(batch, torch.Generator().manual_seed(3)))
    torch.testing.assert_close(changed.loss(batch)["clm"].sum, expected["clm"].sum)
    assert changed.loss(batch)["clm"].count == plain.loss(batch)["clm"].count + 3 * batch.num_examples
    torch.testing.assert_close(changed.eval().loss(batch)["clm"].sum, plain.loss(batch)["clm"].sum)
