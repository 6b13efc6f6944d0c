"""Batch norm against its formula, and each copy with statistics of its own."""

import torch

from lit_pretrain.nn.norm.batch_norm import BatchNorm


def test_channels_are_standardised_in_fp32_in_training_and_by_running_statistics_later():
    norm, x = BatchNorm(3), torch.randn(50, 3) * 4 + 7
    expected = (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(norm(x), expected)
    assert norm(x.bfloat16()).dtype == torch.bfloat16
    y = norm.eval()(x)
    mean, var = norm.norm.running_mean, norm.norm.running_var
    torch.testing.assert_close(y, (x - mean) / (var + 1e-5).sqrt())


def test_copies_share_nothing():
    norm = BatchNorm(3)
    norm.copy()(torch.randn(5, 3))
    assert norm.norm.running_mean.eq(0).all()
