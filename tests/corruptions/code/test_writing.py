"""New sequences from offers of each unit, single examples out of several batches, and programs apart from descriptions."""

import torch

from lit_pretrain.corruptions.code.modalities import code, description, has
from lit_pretrain.corruptions.code.writing import first_units, last_units, pick, write
from lit_pretrain.types import CodeBatch, TextBatch


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


def test_descriptions_and_code_make_the_program(batch: CodeBatch):
    eos = batch.vocab.eos
    docs, programs, marked = description(batch), code(batch), code(batch, 99)
    for whole, doc, program, other in zip(*map(examples, (batch, docs, programs, marked)), strict=True):
        assert doc[-1] == eos == program[-1] and other == [99, *program]
        assert doc[:-1] + program[:-1] == [t for t in whole if not batch.vocab.special[t]]
    assert has(batch, batch.is_doc) == [True, False, True, True]
