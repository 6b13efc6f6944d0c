"""Widths of the initial weights, by the paper's numbers."""

import torch

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.base import FeedForward
from lit_pretrain.nn.feedforward.glu import GLU
from lit_pretrain.nn.feedforward.grouped import GroupedMLP
from lit_pretrain.nn.init.spike_no_more import SpikeNoMore
from lit_pretrain.nn.mixer.attention import CausalAttention, CrossAttention
from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.types import TextBatch


def encoder(feedforward: FeedForward) -> Transformer:
    torch.manual_seed(0)
    block = Block(CausalAttention(64, 4), feedforward, PreNorm(RMSNorm(64)), CrossAttention(64, 4))
    return Transformer(TokenEmbedding(500, 64, scale=8.0), block, Plain(8), init=SpikeNoMore())


def test_standard_deviations() -> None:
    small = (2 / (5 * 64)) ** 0.5
    net = encoder(GLU(64))
    block = net.blocks[3]
    expected = {
        net.embedding.table: small,
        block.mixer.query: small, block.mixer.value: small, block.cross.key: small,
        block.feedforward.gate: small, block.feedforward.input: small,
        block.mixer.out: small / 4, block.cross.out: small / 4, block.feedforward.out: small / 4,  # sqrt(2 * 8)
    }  # fmt: skip
    for module, std in expected.items():
        assert abs(float(module.weight.std()) / std - 1) < 0.1, module
        assert getattr(module, "bias", None) is None or not module.bias.any()


def test_grouped_projections() -> None:
    block, small = encoder(GroupedMLP(64, num_groups=2)).blocks[0], (2 / (5 * 64)) ** 0.5
    assert abs(float(block.feedforward.input.weight.std()) / small - 1) < 0.1
    assert abs(float(block.feedforward.out.weight.std()) / (small / 4) - 1) < 0.1


def test_the_shortcut_is_large() -> None:
    """Scaled embeddings are near unit size, and all sub-layers together add less than they hold."""
    net = encoder(GLU(64))
    x = net.embedding(TextBatch(torch.arange(500), (500,)))[0]
    assert abs(float(x.std()) - (2 / 5) ** 0.5) < 0.05
