"""Where units stand when zeros lie between the examples."""

import torch

from lit_pretrain.nn.spacing import spaced
from lit_pretrain.types import Layout


def test_zeros_before_between_and_after() -> None:
    x = torch.arange(1.0, 7.0)[:, None].repeat(1, 2)
    rows, place = spaced(x, Layout((2, 1, 3)), 2)
    assert rows.shape == (1, 2, 14) and rows[0, 1].tolist() == [0, 0, 1, 2, 0, 0, 3, 0, 0, 4, 5, 6, 0, 0]
    assert torch.equal(rows[0].T[place], x)
