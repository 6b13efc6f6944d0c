"""Curves stand where their values say."""

import numpy as np

from lit_pretrain.callbacks.canvas import grids, profiles

STRONG = np.array([0x1F, 0x77, 0xB4])


def rows_of_the_last_curve(picture: np.ndarray) -> np.ndarray:
    """Rows with many pixels in the colour of the last curve, not counting the legend's short line."""
    hits = (np.abs(picture[..., :3].astype(int) - STRONG).max(-1) < 8) & (picture[..., 3] > 200)
    return np.flatnonzero(hits.sum(1) > 100)


def test_values_go_up():
    names = ["embedding", *(f"block{i:02d}" for i in range(30))]
    heights = []
    for value in (0.0, 0.5, 1.0):
        picture = profiles({"share": {"before": [0.3] * 31, "after": [value] * 31}}, names)
        heights.append(rows_of_the_last_curve(picture).mean())
    assert heights[0] > heights[1] > heights[2] and abs(heights[0] + heights[2] - 2 * heights[1]) < 3


def test_the_first_of_several_is_grey_and_panels_stand_side_by_side():
    alone = profiles({"share": {"now": [0.5, 0.5]}}, ["a", "b"])
    assert len(rows_of_the_last_curve(alone))
    both = profiles({"share": {"before": [0.5, 0.5], "now": [0.9, 0.9]}}, ["a", "b"])
    row = int(rows_of_the_last_curve(alone).mean())
    assert row not in rows_of_the_last_curve(both), "what was strong alone is grey beside another"
    wide = profiles({title: {"now": [0.5, 0.5]} for title in "xyz"}, ["a", "b"])
    assert wide.shape[0] == alone.shape[0] and wide.shape[1] > 2.5 * alone.shape[1] and wide[0, 0, 3] == 0


def test_tables_are_bright_where_numbers_are_large():
    dark = grids({"one": np.zeros((2, 3)), "two": np.zeros((2, 3))}, "layer", "head")
    values = np.zeros((2, 3))
    values[1, 2] = 1
    drawn = grids({"one": np.zeros((2, 3)), "two": values}, "layer", "head")
    assert drawn.shape == dark.shape and drawn.shape[1] > 1.5 * drawn.shape[0]
    brighter = (drawn[..., :3].astype(int).sum(-1) - dark[..., :3].astype(int).sum(-1)) > 300
    rows, columns = np.nonzero(brighter)
    assert rows.min() > 0.4 * len(drawn) and columns.min() > 0.8 * drawn.shape[1], "the last cell of the second table"
