"""Layouts: boundaries, positions, and what is left of them when units are left out."""

import torch

from lit_pretrain.types import Layout, TextBatch


def test_boundaries():
    layout = Layout((2, 0, 3))
    assert layout.offsets.tolist() == [0, 2, 2, 5] and layout.example.tolist() == [0, 0, 2, 2, 2]
    assert layout.position.tolist() == [0, 1, 0, 1, 2] and layout.max_length == 3 and layout.contiguous


def test_keep_recounts_lengths_and_prefix():
    kept = Layout((4, 2), prefix=(3, 1)).keep(torch.tensor([True, False, False, True, True, True]))
    assert kept.lengths == (2, 2) and kept.prefix == (1, 1)
    assert kept.position.tolist() == [0, 3, 0, 1] and not kept.contiguous
    assert kept.keep(torch.tensor([False, True, True, False])).position.tolist() == [3, 0]


def test_a_batch_moves_and_keeps_its_prefix():
    batch = TextBatch(torch.arange(3), (1, 2), prefix=(1, 1), labels=torch.tensor([0, 1]))
    assert batch.to("meta").tokens.is_meta and batch.to("meta").labels.is_meta and batch.lengths == (1, 2)
    assert batch.layout.prefix == (1, 1)
