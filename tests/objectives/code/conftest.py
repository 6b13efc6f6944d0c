"""Small programs, see `tests/small_programs.py`."""

from small_programs import batch, encode, generator, trees, vocab

__all__ = ["batch", "encode", "generator", "trees", "vocab"]
