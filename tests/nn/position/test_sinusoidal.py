"""Sinusoidal positions: the formula, unit by unit."""

import math

import pytest
import torch

from lit_pretrain.nn.position.sinusoidal import Sinusoidal
from lit_pretrain.types import Layout


def at(position: torch.Tensor) -> Layout:
    return Layout((len(position),), positions=position)


def test_the_formula() -> None:
    position, x = torch.tensor([0, 1, 50, 3]), torch.randn(4, 6)
    added = Sinusoidal(6).embed(x, at(position)) - x
    for row, p in enumerate(position.tolist()):
        for i in range(3):
            angle = p / 10000 ** (2 * i / 6)
            assert added[row, 2 * i] == pytest.approx(math.sin(angle), abs=1e-5)
            assert added[row, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-5)


def test_a_model_cast_to_half_keeps_its_angles() -> None:
    x, position = torch.zeros(2, 8), torch.tensor([3, 1999])
    assert torch.equal(Sinusoidal(8).to(torch.bfloat16).embed(x, at(position)), Sinusoidal(8).embed(x, at(position)))


def test_an_odd_width() -> None:
    with pytest.raises(ValueError, match="dim=7"):
        Sinusoidal(7)
