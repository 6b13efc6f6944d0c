"""The looped stack: one set of weights, passed again and again."""

import pytest
import torch

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.looped import Looped
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.types import TextBatch

BATCH = TextBatch(torch.tensor([1, 2, 3, 4, 5]), (3, 2))


def encoder(depth) -> Transformer:
    return Transformer(TokenEmbedding(9, 8), Block(Attention(8, 2), MLP(8, 8), PreNorm(RMSNorm(8))), depth)


def test_equals_a_plain_stack_of_copies() -> None:
    looped, plain = encoder(Looped(2, 3)), encoder(Plain(6))
    assert looped.num_layers == 6 and len(looped.blocks) == 2
    plain.embedding.load_state_dict(looped.embedding.state_dict())
    for i, block in enumerate(plain.blocks):
        block.load_state_dict(looped.blocks[i % 2].state_dict())
    a, b = looped(BATCH, layers=True), plain(BATCH, layers=True)
    assert torch.equal(a.units, b.units) and a.layers.keys() == b.layers.keys()
    a.units.square().sum().backward()
    b.units.square().sum().backward()
    tied = looped.blocks[1].feedforward.out.weight.grad
    torch.testing.assert_close(tied, sum(plain.blocks[i].feedforward.out.weight.grad for i in (1, 3, 5)))


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="loops=0"):
        Looped(2, 0)
    with pytest.raises(ValueError, match="at least one block"):
        encoder(Looped(0, 2))
