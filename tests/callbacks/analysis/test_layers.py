"""All layers show the same rows: the right units of the right examples, once, whoever read them."""

import pytest
import torch

from lit_pretrain.callbacks.analysis.layers import LabelledLayers, joined, places, without_repetition
from lit_pretrain.types import Layout


def test_places_are_spread_over_each_example():
    lengths, leading = (100, 3, 1, 40, 9), 1
    layout = Layout(lengths, leading=leading)
    chosen = places(layout, (7, 8, 9, 10, 11), 4)
    assert layout.example[chosen].bincount(minlength=5).tolist() == [4, 2, 0, 4, 4]
    assert (layout.position[chosen] >= leading).all() and len(chosen.unique()) == len(chosen)
    for example in (0, 3, 4):
        gaps = layout.position[chosen][layout.example[chosen] == example].diff()
        assert set(gaps.tolist()) <= {(lengths[example] - 1) // 4, -(-(lengths[example] - 1) // 4)}


def test_every_place_is_chosen_in_some_example():
    layout = Layout((12,) * 50)
    seen = layout.position[places(layout, range(50), 3)].bincount(minlength=12)
    assert seen.min() >= 10 and seen.max() <= 15, "150 choices of 12 places"


def test_places_depend_on_the_number_of_the_example_only():
    whole = Layout((30, 50, 20, 40))
    chosen = places(whole, (4, 5, 6, 7), 5)
    part = Layout((20, 50))
    again = places(part, (6, 5), 5)
    of = [whole.position[chosen][whole.example[chosen] == example] for example in (2, 1)]
    assert torch.equal(part.position[again], torch.cat(of))


def columns(numbers: list[int]) -> dict:
    """Of each example as many units as its number, which hold it and their place."""
    counts = torch.tensor(numbers)
    owner = torch.arange(len(numbers)).repeat_interleave(counts)
    place = torch.cat([torch.arange(n) for n in numbers])
    return {("index", ""): counts, ("pooled", "a"): counts[:, None] * 1.0, ("owner", ""): owner,
            ("units", "a"): torch.stack([counts[owner], place], 1)}  # fmt: skip


def test_what_two_ranks_hold_is_what_one_holds():
    ranks = [joined([columns([3, 1]), columns([5])]), joined([columns([2, 3]), columns([4])])]
    found, alone = without_repetition(joined(ranks)), columns([1, 2, 3, 4, 5])
    assert found.keys() == alone.keys() and all(torch.equal(found[key], alone[key]) for key in alone)


def test_columns_that_a_part_lacks_are_left_out():
    first, second = columns([2]), columns([3])
    second.pop(("units", "a"))
    assert set(joined([first, second])) == {("index", ""), ("pooled", "a"), ("owner", "")}


def test_a_datamodule_is_read(tmp_path, fit):
    module, trainer, data = fit(tmp_path, [], max_steps=1)
    module.eval()
    view = LabelledLayers(None, 100, 8)
    with torch.no_grad():
        found = view.layers(trainer, module, "validation")
        loader = data.loader("validation", shuffle=False, labelled=True, limit=100)
        encoded = [(module.encoder(batch, layers=True), batch.labels) for batch in loader]
    assert list(found.rows) == list(found.labelled) == ["embedding", "block00", "block01"]
    for name in found.rows:
        torch.testing.assert_close(found.rows[name], torch.cat([e.layers[name] for e, _ in encoded]))
        torch.testing.assert_close(found.labelled[name], torch.cat([e.pool(name) for e, _ in encoded]))
    assert torch.equal(found.labels, torch.cat([labels for _, labels in encoded]))
    assert view.describe(trainer)["units"] == 8 and "layer" not in view.describe(trainer)
    with pytest.raises(ValueError, match="units=0"):
        LabelledLayers(None, 100, 0)
