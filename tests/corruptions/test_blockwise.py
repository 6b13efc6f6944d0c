"""Blockwise masking: sizes, shapes and places follow the paper."""

import pytest
import torch

from lit_pretrain.corruptions.blockwise import Blockwise
from lit_pretrain.types import Layout


def draw(masking: Blockwise, examples: int = 200, grid: tuple[int, int] = (14, 14), seed: int = 0) -> torch.Tensor:
    layout = Layout((1 + grid[0] * grid[1],) * examples, grid=grid, leading=1)
    hidden = masking(layout, torch.Generator().manual_seed(seed)).unflatten(0, (examples, -1))
    assert not hidden[:, 0].any(), "class tokens stay"
    return hidden[:, 1:].unflatten(1, grid)


def test_about_forty_percent_and_never_more() -> None:
    hidden = draw(Blockwise())
    counts = hidden.flatten(1).sum(1)
    assert counts.max() <= int(0.4 * 196) and counts.float().mean() > 0.38 * 196
    assert len(hidden.flatten(1).unique(dim=0)) == 200


def test_neighbours_are_hidden_together() -> None:
    hidden = draw(Blockwise())
    right = (hidden[:, :, 1:] & hidden[:, :, :-1]).sum() / hidden[:, :, :-1].sum()
    assert right > 0.7, "the neighbour of a unit hidden by itself would be hidden in 0.4 of all cases"


def test_a_block_is_a_rectangle_of_the_right_shape() -> None:
    """With room for a single block, what is hidden is one rectangle."""
    masking = Blockwise(ratio=0.1, min_units=16)  # 19 units at most
    blocks = 0
    for example in draw(masking):
        rows, columns = example.any(1).nonzero().flatten(), example.any(0).nonzero().flatten()
        height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
        if example.sum() == height * width:
            blocks += 1
            assert 12 <= height * width <= 19, "16 to 19, but for the rounding of the sides"
            assert 0.2 <= height / width <= 5.0
    assert blocks > 50


def test_the_generator_alone_decides() -> None:
    assert torch.equal(draw(Blockwise(), seed=3), draw(Blockwise(), seed=3))
    assert not torch.equal(draw(Blockwise(), seed=3), draw(Blockwise(), seed=4))


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="min_units=16"):
        draw(Blockwise(), grid=(4, 4))
    with pytest.raises(ValueError, match="units on a grid"):
        Blockwise()(Layout((5,)), torch.Generator())
    with pytest.raises(ValueError, match=r"ratio=1\.0"):
        Blockwise(1.0)
    with pytest.raises(ValueError, match=r"min_aspect=2\.0"):
        Blockwise(min_aspect=2.0)
