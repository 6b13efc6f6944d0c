"""Widths of T5's initial weights."""

import torch

from lit_pretrain.encoders.t5 import T5Encoder


def test_standard_deviations() -> None:
    torch.manual_seed(0)
    encoder = T5Encoder(500, 64, 2, 4, head_dim=32, hidden=96)
    block = encoder.blocks[1]
    expected = {
        encoder.embedding.table: 1.0,
        encoder.position.table: 64**-0.5,
        block.mixer.query: (64 * 32) ** -0.5,
        block.mixer.key: 64**-0.5,
        block.mixer.out: 128**-0.5,
        block.feedforward.out: 96**-0.5,
    }
    for module, std in expected.items():
        assert abs(float(module.weight.std()) / std - 1) < 0.2, module
