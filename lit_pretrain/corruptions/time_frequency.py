"""Whole steps in time and whole bands of frequency. Legend: B examples, U units, R rows (time) x C columns (frequency)."""

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import Layout


class TimeFrequency(Recorded):
    """Hides the same number of whole rows and whole columns of every example's grid (arXiv 2207.06405, section 3 and 4.1).

    In a grid of spectrogram patches, rows are steps in time and columns are bands of frequency. Of shares t and f, a share
    of t + f - t f of all units is hidden. Leading units never are.

    Args:
        time: the share of the rows that is hidden.
        frequency: the share of the columns that is hidden.
    """

    def __init__(self, time: float = 0.3, frequency: float = 0.3):
        if not (0 <= time < 1 and 0 <= frequency < 1 and time + frequency > 0):
            raise ValueError(f"time={time}, frequency={frequency}: give shares from 0 to below 1, not both 0")
        self.time, self.frequency = time, frequency

    def __call__(self, layout: Layout, generator: torch.Generator) -> Tensor:
        """(U,) bool, true where hidden: round(time R) rows and round(frequency C) columns, one of each at least stays.

        Raises:
            ValueError: the units lie on no grid, or on one so small that nothing would be hidden.
        """
        row, column = layout.coordinates
        counts = [min(round(share * n), n - 1) for share, n in zip((self.time, self.frequency), layout.grid, strict=True)]
        if not any(counts):
            raise ValueError(f"time={self.time} and frequency={self.frequency} hide nothing of a grid of {layout.grid[0]} x"
                             f" {layout.grid[1]} units; raise them, or take smaller patches")  # fmt: skip
        rows, columns = (
            torch.rand(layout.num_examples, n, generator=generator, device=layout.device).argsort(1).argsort(1) < count
            for n, count in zip(layout.grid, counts, strict=True)
        )  # (B, R) and (B, C) bool
        stands = layout.position >= layout.leading
        row, column = row.clamp(min=0), column.clamp(min=0)  # of leading units, which stand nowhere
        return stands & (rows[layout.example, row] | columns[layout.example, column])
