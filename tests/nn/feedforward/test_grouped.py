"""A grouped projection is a block-diagonal one."""

import pytest
import torch

from lit_pretrain.nn.feedforward.grouped import GroupedLinear


@torch.no_grad()
def test_groups_do_not_mix() -> None:
    linear, x = GroupedLinear(6, 4, 2), torch.randn(5, 6)
    linear.bias.normal_()
    dense = torch.block_diag(*linear.weight)  # (6, 4)
    torch.testing.assert_close(linear(x), x @ dense + linear.bias)


def test_widths_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match="num_groups=4"):
        GroupedLinear(6, 4, 4)
