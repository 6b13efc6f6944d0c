"""Programs without those that are nearly the same as another."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lit_pretrain.datamodules.code.source.base import Program, Source
from lit_pretrain.datamodules.split import SPLITS, digest

if TYPE_CHECKING:
    from datasketch import MinHash

WORD = re.compile(r"\w+|[^\w\s]")
SHINGLE = 5  # tokens that are compared together


class Deduplicated(Source):
    """The programs of a source without near-duplicates, of each group the first (arXiv 2107.06499).

    Programs are near-duplicates if the sets of their runs of five tokens have a Jaccard similarity of about `threshold`,
    as MinHash estimates it. What is in the validation or test split is left out of training too; these two come whole.
    Programs that are exactly the same count as well, whatever their white space. (Examples that are exactly the same
    are left out of training by the datamodule, with any source.) Keeps `permutations` numbers a program in memory.

    Args:
        source: where programs come from.
        threshold: the similarity from which on programs count as the same.
        permutations: of MinHash; more estimate the similarity better.
    """

    def __init__(self, source: Source, threshold: float = 0.85, permutations: int = 128):
        super().__init__()
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold={threshold} must be a similarity above 0 and at most 1")
        self.source, self.threshold, self.permutations = source, threshold, permutations

    def programs(self, split: str) -> Iterator[Program]:
        if split != "train":
            yield from self.source.programs(split)
            self.counts = self.source.counts
            return
        self.counts.clear()
        met = _Met(self.threshold, self.permutations)
        for other in SPLITS[1:]:
            for program in self.source.programs(other):
                met.add(program, other)
        for program in self.source.programs("train"):
            like = met.find(program)
            if like is None:
                met.add(program, "train")
                yield program
            else:
                self.counts[f"near-duplicates of {like}"] += 1
        self.counts.update(self.source.counts)

    def fingerprint(self, split: str) -> str:
        splits = SPLITS if split == "train" else (split,)
        return digest([self.source.fingerprint(s) for s in splits], self.threshold, self.permutations, SHINGLE)


class _Met:
    """The programs met so far, as sketches."""

    def __init__(self, threshold: float, permutations: int):
        try:
            from datasketch import MinHash, MinHashLSH
        except ImportError:
            raise ValueError("near-duplicates are found by datasketch: pip install 'lit_pretrain[dedup]'") from None
        self.threshold = threshold
        self.blank = MinHash(permutations)
        self.index = MinHashLSH(threshold=threshold, num_perm=permutations)
        self.sketches: list[tuple[MinHash, str]] = []  # with the split

    def add(self, program: Program, split: str) -> None:
        sketch = self._sketch(program)
        self.index.insert(len(self.sketches), sketch)
        self.sketches.append((sketch, split))

    def find(self, program: Program) -> str | None:
        """The split of a program that is nearly this one; None: there is none."""
        sketch = self._sketch(program)
        alike = (self.sketches[i] for i in sorted(self.index.query(sketch)))
        return next((split for other, split in alike if other.jaccard(sketch) >= self.threshold), None)

    def _sketch(self, program: Program) -> "MinHash":
        words = [word.encode() for word in WORD.findall(program.text)]
        runs = {b" ".join(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))}
        sketch = self.blank.copy()
        sketch.update_batch(sorted(runs))
        return sketch
