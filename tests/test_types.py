"""Layouts: boundaries, positions, and what is left of them when units are left out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lit_pretrain.types import Layout, Ragged, SpeechBatch, TextBatch, Vocabulary


def test_boundaries():
    layout = Layout((2, 0, 3))
    assert layout.offsets.tolist() == [0, 2, 2, 5] and layout.example.tolist() == [0, 0, 2, 2, 2]
    assert layout.position.tolist() == [0, 1, 0, 1, 2] and layout.max_length == 3 and layout.contiguous


@given(st.lists(st.lists(st.booleans(), max_size=6), min_size=1, max_size=6))
def test_examples_that_are_laid_end_to_end_come_apart_again(kept):
    lengths = tuple(map(len, kept))
    layout, values = Layout(lengths), torch.arange(sum(lengths))
    assert layout.offsets.tolist() == [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    for number, own in enumerate(values.split(lengths)):
        first, end = layout.offsets[number : number + 2].tolist()
        assert values[first:end].tolist() == own.tolist() == values[layout.example == number].tolist()
        assert layout.position[first:end].tolist() == list(range(len(own)))
    keep = torch.tensor([unit for own in kept for unit in own], dtype=torch.bool)
    part = layout.keep(keep)
    assert part.lengths == tuple(map(sum, kept)) == tuple(layout.counts(keep).tolist())
    assert torch.equal(part.example, layout.example[keep]) and torch.equal(part.position, layout.position[keep])
    ragged = Ragged(values, lengths)
    assert [x.tolist() for x in ragged.split()] == [x.tolist() for x in values.split(lengths)]
    if all(lengths):
        assert torch.equal(ragged.at(layout), values), "as many numbers as units stand where the units do"


def test_keep_recounts_lengths_and_prefix():
    kept = Layout((4, 2), prefix=(3, 1)).keep(torch.tensor([True, False, False, True, True, True]))
    assert kept.lengths == (2, 2) and kept.prefix == (1, 1)
    assert kept.position.tolist() == [0, 3, 0, 1] and not kept.contiguous
    assert kept.keep(torch.tensor([False, True, True, False])).position.tolist() == [3, 0]


def test_a_batch_moves_and_keeps_its_prefix():
    batch = TextBatch(torch.arange(3), (1, 2), prefix=(1, 1), labels=torch.tensor([0, 1]))
    assert batch.to("meta").tokens.is_meta and batch.to("meta").labels.is_meta and batch.lengths == (1, 2)
    assert batch.layout.prefix == (1, 1)


def test_what_units_stand_for():
    special = torch.tensor([True, False, False])
    batch = TextBatch(torch.tensor([0, 2, 1, 0]), (3, 1))
    assert batch.symbols is batch.tokens and batch.delimiters is None, "without a vocabulary it is not known"
    batch.vocab = Vocabulary(3, special, ~special)
    assert batch.delimiters.tolist() == [True, False, False, True]
    sounds = SpeechBatch(torch.zeros(4), (4,), 8000)
    assert sounds.symbols is None and sounds.delimiters is None


def test_numbers_are_laid_over_units():
    labels = Ragged(torch.tensor([7, 8, 5, 6, 4]), (2, 3))
    assert labels.at(Layout((4, 3))).tolist() == [7, 7, 8, 8, 5, 6, 4]  # repeated, or one each
    assert labels.at(Layout((2, 2), leading=1)).tolist() == [-1, 8, -1, 6]  # the middle of what is left
    assert labels.to("meta").values.is_meta and [x.tolist() for x in labels.split()] == [[7, 8], [5, 6, 4]]
    with pytest.raises(ValueError, match="none of the numbers"):
        Ragged(torch.tensor([1]), (1, 0)).at(Layout((1, 1)))
    with pytest.raises(ValueError, match="left out"):
        labels.at(Layout((2, 2)).keep(torch.tensor([True, False, True, True])))


def test_recordings_side_by_side():
    batch = SpeechBatch(torch.arange(5.0), (2, 3), 8000, target=Ragged(torch.tensor([3, 1, 2]), (1, 2)))
    assert batch.padded().tolist() == [[0, 1, 0], [2, 3, 4]] and batch.num_units == 5
    assert batch.to("meta").target.values.is_meta
    assert SpeechBatch(torch.arange(4.0), (2, 2), 8000).padded().tolist() == [[0, 1], [2, 3]]


def test_a_recording_is_shown_as_a_spectrogram_with_low_tones_at_the_bottom():
    seconds = torch.arange(8000) / 8000
    waves = [(2 * torch.pi * pitch * seconds[:length]).sin() for pitch, length in ((500.0, 8000), (3000.0, 4000))]
    shown = SpeechBatch(torch.cat(waves), (8000, 4000), 8000).preview()
    assert shown.shape[:3] == (2, 1, 1)
    rows = shown.shape[3] - 1
    assert [round(4000 * (1 - int(x[:, 10].argmax()) / rows) / 100) for x in shown[:, 0, 0]] == [5, 30]
    assert not shown[0].isnan().any() and shown[1, 0, 0, :, 55:].isnan().all() and not shown[1, 0, 0, :, :50].isnan().any()
    assert shown.nan_to_num().min() == 0 and shown.nan_to_num().max() == 1
