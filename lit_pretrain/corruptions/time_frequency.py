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
        """(U,) bool, true where hidden: round(time R) rows, of the R that an example has, and round(frequency C) columns; of
        each, one at least stays.

        Raises:
            ValueError: the units lie on no grid, or on one so small that nothing would be hidden.
        """
        row, column = layout.coordinates
        high, wide = layout.grid
        own = torch.tensor(layout.lengths, device=layout.device)[:, None] - layout.leading  # (B, 1) units of each grid
        own = own // wide  # rows
        hidden_rows = torch.minimum((self.time * own).round(), own - 1)
        hidden_columns = min(round(self.frequency * wide), wide - 1)
        if not hidden_columns and not min(round(self.time * high), high - 1):
            raise ValueError(f"time={self.time} and frequency={self.frequency} hide nothing of a grid of {high} x {wide}"
                             " units; raise them, or take smaller patches")  # fmt: skip
        noise = [torch.rand(layout.num_examples, n, generator=generator, device=layout.device) for n in (high, wide)]
        there = torch.arange(high, device=layout.device) < own
        rows = noise[0].masked_fill(~there, 2.0).argsort(1).argsort(1) < hidden_rows  # (B, R) bool
        columns = noise[1].argsort(1).argsort(1) < hidden_columns  # (B, C) bool
        stands = layout.position >= layout.leading
        row, column = row.clamp(min=0), column.clamp(min=0)  # of leading units, which stand nowhere
        return stands & (rows[layout.example, row] | columns[layout.example, column])
