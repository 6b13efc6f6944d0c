"""Positions on a grid: published tables, distances, and images of other sizes."""

import pytest
import torch
from timm.layers import resample_abs_pos_embed
from transformers.models.vit_mae.modeling_vit_mae import build_2d_sinusoidal_position_embedding

from lit_pretrain.encoders.vit import ViT
from lit_pretrain.nn.position.learned_2d import Learned2D
from lit_pretrain.nn.position.rotary_2d import Rotary2D
from lit_pretrain.nn.position.sincos_2d import SinCos2D
from lit_pretrain.types import ImageBatch, Layout

GRID = Layout((13, 13), grid=(3, 4), leading=1)


def test_sincos_equals_mae() -> None:
    layout = Layout((17,), grid=(4, 4), leading=1)
    by_row_first = build_2d_sinusoidal_position_embedding(4, 4, 24, cls_token=True)
    expected = torch.cat(by_row_first.chunk(2, 1)[::-1], 1)  # as the published models have it
    torch.testing.assert_close(SinCos2D(24).embed(torch.zeros(17, 24), layout), expected, rtol=1e-4, atol=1e-5)


def test_learned_is_interpolated_as_in_timm() -> None:
    position, layout = Learned2D(8, (4, 4)), Layout((7,), grid=(2, 3), leading=1)
    expected = resample_abs_pos_embed(position.table.weight[None], (2, 3), antialias=False)[0]
    torch.testing.assert_close(position.embed(torch.zeros(7, 8), layout), expected)
    same = Layout((17,), grid=(4, 4), leading=1)
    assert torch.equal(position.embed(torch.zeros(17, 8), same), position.table.weight)


def test_rotary_scores_depend_on_distances_of_rows_and_columns() -> None:
    rotary = Rotary2D(8)
    turned = rotary.rotate(torch.randn(1, 1, 8).expand(26, 1, 8), GRID)[13:, 0]  # the second example
    scores = turned @ turned.T
    place = lambda row, column: 1 + 4 * row + column  # noqa: E731
    torch.testing.assert_close(scores[place(0, 0), place(1, 2)], scores[place(1, 1), place(2, 3)])
    assert (scores[place(0, 0), place(1, 2)] - scores[place(0, 0), place(2, 1)]).abs() > 1e-4
    x = torch.randn(26, 2, 8)
    assert torch.equal(rotary.rotate(x, GRID)[[0, 13]], x[[0, 13]]), "the class token stands nowhere"


def test_units_that_stay_keep_their_places() -> None:
    keep = torch.rand(26, generator=torch.Generator().manual_seed(0)) > 0.5
    rotary, x = Rotary2D(8), torch.randn(26, 2, 8)
    assert torch.equal(rotary.rotate(x[keep], GRID.keep(keep)), rotary.rotate(x, GRID)[keep])


@pytest.mark.parametrize("position", [None, SinCos2D(16), Rotary2D(8)])
def test_a_vit_takes_smaller_crops(position) -> None:
    encoder = ViT(16, 4, 3, 16, 2, 2, position=position).eval()
    encoded = encoder(ImageBatch(torch.randn(2, 3, 8, 8)))
    assert encoded.units.shape == (10, 16) and encoded.layout.grid == (2, 2)


def test_mistakes() -> None:
    for make in (lambda: SinCos2D(6), lambda: Rotary2D(6)):
        with pytest.raises(ValueError, match="multiple of 4"):
            make()
    with pytest.raises(ValueError, match="units on a grid"):
        SinCos2D(8).embed(torch.zeros(3, 8), Layout((3,)))
