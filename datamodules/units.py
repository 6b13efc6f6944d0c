"""Discrete units that `lit-pretrain units` made of a data set. Legend: N examples of a split."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lit_pretrain.datamodules.files import arrays, divide, json_object
from lit_pretrain.part import Recorded


class Units(Recorded):
    """Reads the folder; nothing is opened before it is asked for.

    Args:
        folder: where `lit-pretrain units --out FOLDER` wrote.
    """

    def __init__(self, folder: str):
        self.folder = Path(folder)
        self._splits: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    @cached_property
    def card(self) -> dict:
        """`units.json`: how they were made, `clusters` and seconds of a `hop` among it.

        Raises:
            ValueError: the folder holds no finished units.
        """
        path = self.folder / "units.json"
        if not path.is_file():
            raise ValueError(f"units={self.folder}: there is no {path}, which `lit-pretrain units` writes when it is"
                             " done")  # fmt: skip
        card = json_object(path, "clusters", "fingerprints")
        if not isinstance(card["clusters"], int) or not isinstance(card["fingerprints"], dict):
            raise ValueError(f"{path} is damaged: clusters={card['clusters']!r}, fingerprints={card['fingerprints']!r}")
        return card

    @property
    def num_clusters(self) -> int:
        return self.card["clusters"]

    def check(self, split: str, fingerprint: str) -> None:
        """
        Args:
            fingerprint: the source's, of this split.

        Raises:
            ValueError: the units were made of other data, or of no such split.
        """
        made_of = self.card["fingerprints"].get(split)
        if made_of is None:
            raise ValueError(f"units={self.folder} has none for the split {split!r}; it has {', '.join(self._of_splits())}")
        if made_of != fingerprint:
            raise ValueError(f"units={self.folder} were made of {split} data with the fingerprint {made_of}, and these have"
                             f" {fingerprint}: run `lit-pretrain units` on these data")  # fmt: skip

    def of(self, split: str, index: Iterable[int]) -> list[Tensor]:
        """The int64 units of each example, whose numbers in the source's order are given; of one never read, none.

        Raises:
            ValueError: there is no such split or example, or the file is damaged.
        """
        ids, offsets = self._read(split)
        found = []
        for i in map(int, index):
            if not 0 <= i < len(offsets) - 1:
                raise ValueError(f"units={self.folder} has {len(offsets) - 1} examples in {split!r}, and none of number {i}")
            found.append(torch.from_numpy(ids[offsets[i] : offsets[i + 1]].astype(np.int64)))
        return found

    def _read(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        if split not in self._splits:
            path = self.folder / f"units-{split}.npz"
            if not path.is_file():
                raise ValueError(f"units={self.folder} has none for the split {split!r}: there is no {path}")
            found = arrays(path)
            ids, offsets = (found.get(name, np.empty(0)) for name in ("ids", "offsets"))
            if ids.dtype.kind not in "iu" or not divide(offsets, len(ids)):
                raise ValueError(f"{path} is damaged: its offsets do not divide its {ids.size} ids")
            self._splits[split] = ids, offsets
        return self._splits[split]

    def _of_splits(self) -> list[str]:
        return list(self.card["fingerprints"])
