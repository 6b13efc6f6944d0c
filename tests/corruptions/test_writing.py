"""New sequences from offers of each unit, and single examples out of several batches."""

import torch

from lit_pretrain.corruptions.writing import first_units, last_units, pick, write
from lit_pretrain.types import TextBatch


def examples(batch: TextBatch) -> list[list[int]]:
    return [x.tolist() for x in batch.tokens.split(batch.lengths)]


def test_taken_offers_stand_in_their_order():
    batch = TextBatch(torch.tensor([1, 2, 3, 4]), (1, 3))
    taken = torch.tensor([True, False, True, True])
    made = write(batch, [7, batch.tokens, batch.tokens + 10], [first_units(batch), taken, ~taken | last_units(batch)])
    assert examples(made) == [[7, 1, 11], [7, 12, 3, 4, 14]]


def test_picked_examples_stand_side_by_side():
    a, b = TextBatch(torch.tensor([1, 2, 3]), (1, 2)), TextBatch(torch.tensor([4, 5]), (2,))
    assert examples(pick([(b, 0), (a, 1), (a, 1), (a, 0)])) == [[4, 5], [2, 3], [2, 3], [1]]
