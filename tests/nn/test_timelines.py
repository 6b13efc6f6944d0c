"""Columns are units, in their order; what is not there is NaN."""

import torch

from lit_pretrain.nn.timelines import bands, drawn
from lit_pretrain.types import Layout


def test_features_stand_upwards():
    features = torch.arange(10.0).view(5, 2)
    picture = drawn(features, Layout((2, 3)))
    assert picture.shape == (2, 1, 2, 3)
    assert torch.equal(picture[1, 0], torch.tensor([[5.0, 7.0, 9.0], [4.0, 6.0, 8.0]]))
    assert picture[0, 0, :, 2].isnan().all() and not picture[0, 0, :, :2].isnan().any()


def test_frames_of_a_unit_stand_side_by_side():
    frames = torch.arange(20.0).view(10, 2)
    stacked = drawn(frames.view(5, 4), Layout((2, 3)), stack=2)
    expected = drawn(frames, Layout((4, 6)))
    torch.testing.assert_close(stacked, expected, equal_nan=True)


def test_equal_numbers_have_equal_colours():
    picture = bands(torch.tensor([3, 4, 3, -1, 5]), Layout((3, 2)))
    first, other, again = picture[0].unbind(2)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert picture[1, :, 0, 0].unique().numel() == 1 and picture[1, :, :, 2].isnan().all()
    assert picture.nan_to_num().min() >= 0 and picture.nan_to_num().max() <= 1
