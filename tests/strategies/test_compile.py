"""Blocks are compiled in place."""

import pytest
import torch
from torch import nn

from lit_pretrain.strategies.compile import compile_blocks


class Outer(nn.Module):
    """Only what is asked for."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])


def test_names_stay_and_values_agree():
    torch._dynamo.reset()
    torch.manual_seed(0)
    module, x = Outer(), torch.randn(3, 4)
    names, before = list(module.state_dict()), [block(x) for block in module.encoder.blocks]
    compile_blocks(module)
    assert list(module.state_dict()) == names
    assert all(block._compiled_call_impl is not None for block in module.encoder.blocks)
    for block, wanted in zip(module.encoder.blocks, before, strict=True):
        torch.testing.assert_close(block(x), wanted)
        assert block(torch.randn(7, 4)).shape == (7, 4)


def test_a_module_without_blocks_is_refused():
    with pytest.raises(ValueError, match=r"encoder\.blocks"):
        compile_blocks(nn.Linear(2, 2))
