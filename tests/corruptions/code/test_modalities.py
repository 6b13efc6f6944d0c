"""Programs apart from their descriptions."""

from lit_pretrain.corruptions.code.modalities import code, description, has
from lit_pretrain.types import CodeBatch, TextBatch


def examples(batch: TextBatch) -> list[list[int]]:
    return [x.tolist() for x in batch.tokens.split(batch.lengths)]


def test_descriptions_and_code_make_the_program(batch: CodeBatch):
    eos = batch.vocab.eos
    docs, programs, marked = description(batch), code(batch), code(batch, 99)
    for whole, doc, program, other in zip(*map(examples, (batch, docs, programs, marked)), strict=True):
        assert doc[-1] == eos == program[-1] and other == [99, *program]
        assert doc[:-1] + program[:-1] == [t for t in whole if not batch.vocab.special[t]]
    assert has(batch, batch.is_doc) == [True, False, True, True]
