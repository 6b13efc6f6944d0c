"""What each weight is drawn from, and what that does to a signal."""

import pytest
import torch
from torch import nn

from lit_pretrain.nn.init.he_convolutions import HeConvolutions
from lit_pretrain.nn.position.convolutional import Convolutional


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolutions = nn.Sequential(*[layer for _ in range(6) for layer in (nn.Conv1d(64, 64, 3), nn.ReLU())])
        self.linear, self.position = nn.Linear(64, 64), Convolutional(64, 8, 4)


@torch.no_grad()
def test_weights_and_the_signal() -> None:
    torch.manual_seed(0)
    net = Net()
    position = net.position.convolution.weight.clone()
    HeConvolutions(0.03).apply_to(net)
    assert net.convolutions[0].weight.std().item() == pytest.approx((2 / 192) ** 0.5, rel=0.05)
    assert not net.convolutions[0].bias.any() and not net.linear.bias.any()
    assert net.linear.weight.std().item() == pytest.approx(0.03, rel=0.05)
    assert torch.equal(net.position.convolution.weight, position)
    out = net.convolutions(torch.randn(8, 64, 60))
    assert 0.5 < out.square().mean().sqrt() < 2
