"""Condenser: the late blocks reach the head through [CLS] alone."""

import pytest
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
from lit_pretrain.nn.residual.post_norm import PostNorm
from lit_pretrain.objectives.text.condenser import Condenser


def condenser(skip_from: int = 1) -> Condenser:
    torch.manual_seed(0)
    block = Block(Attention(16, 2), MLP(16), PostNorm(LayerNorm(16)))
    stack = Transformer(Units(16), block, Plain(2))
    return Condenser(BERT(64, 16, 3, 2, dropout=0.0), stack, TransformHead(16, 64), skip_from=skip_from)


def test_the_head_gets_late_cls_and_early_tokens(batch):
    model = condenser(skip_from=2)
    encoded = model.encoder(batch, layers=True)
    x = model.skip(encoded)
    first = batch.layout.position == 0
    assert torch.equal(x[first], encoded.units[first])
    assert torch.equal(x[~first], encoded.layers["block01"][~first])


def test_late_blocks_learn_from_the_head_through_cls_only(batch):
    """The gradient of the Condenser term with respect to late units is zero everywhere but at [CLS]."""
    model, late = condenser(), []
    model.encoder.blocks[-1].register_forward_hook(lambda block, args, out: out.retain_grad() or late.append(out))
    model.loss(batch)["condenser"].sum.backward()
    first = batch.layout.position == 0
    assert late[0].grad[first].abs().sum() > 0 and late[0].grad[~first].abs().sum() == 0


def test_only_the_encoder_transfers(batch):
    model = condenser()
    assert not any(n.startswith("encoder.") for n, _ in model.condenser_head.named_parameters(prefix="condenser_head"))
    with pytest.raises(ValueError, match="skip_from=3"):
        condenser(skip_from=3)
