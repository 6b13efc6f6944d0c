"""A program apart from its description. Legend: U tokens of all programs end to end."""

from torch import Tensor

from lit_pretrain.corruptions.writing import first_units, last_units, write
from lit_pretrain.types import CodeBatch, TextBatch


def description(batch: CodeBatch, marker: int | None = None) -> TextBatch:
    """`marker` description [EOS] of each program; without a marker, description [EOS]."""
    return _part(batch, batch.is_doc, marker)


def code(batch: CodeBatch, marker: int | None = None) -> TextBatch:
    """`marker` code [EOS] of each program; without a marker, code [EOS]."""
    return _part(batch, batch.is_code, marker)


def _part(batch: CodeBatch, keep: Tensor, marker: int | None) -> TextBatch:
    ends = [last_units(batch)]
    if marker is None:
        return write(batch, [batch.tokens, batch.vocab.need("eos")], [keep, *ends])
    return write(batch, [marker, batch.tokens, batch.vocab.need("eos")], [first_units(batch), keep, *ends])


def has(batch: CodeBatch, which: Tensor) -> list[bool]:
    """Of each program, whether any of its tokens is one of `which` (U,) bool."""
    return (batch.layout.counts(which) > 0).tolist()
