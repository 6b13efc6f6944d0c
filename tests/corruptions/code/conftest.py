"""Small programs, see `tests/small_programs.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from small_programs import batch, encode, generator, trees, vocab

__all__ = ["batch", "encode", "generator", "trees", "vocab"]
