"""Where the units of each example lie in a flat tensor. Legend: B examples, U units of all examples laid end to end."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Layout:
    """Boundaries of the examples in a flat tensor of U units.

    Args:
        lengths: units of each example, on the host (a loop over examples must not wait for the device).
        device: where the derived index tensors live.
        positions: (U,) index of each unit in its whole example; needed only where units were left out (`keep`).
        prefix: units of each example that may see each other in a prefix language model; None: no prefix.
        grid: rows and columns on which the units of every whole example lie, row by row, the first rows where there are
            fewer; None: they are a sequence.
        leading: units in front of each example that stand for the whole of it (class and register tokens).
        visible: of each example (units, units) bool, true where the unit of the row may see the unit of the column; None:
            every unit may see all of its example.
    """

    lengths: tuple[int, ...]
    device: torch.device = CPU
    positions: Tensor | None = None
    prefix: tuple[int, ...] | None = None
    grid: tuple[int, int] | None = None
    leading: int = 0
    visible: tuple[Tensor, ...] | None = None

    @property
    def num_examples(self) -> int:
        return len(self.lengths)

    @cached_property
    def num_units(self) -> int:
        return sum(self.lengths)

    @cached_property
    def max_length(self) -> int:
        return max(self.lengths, default=0)

    @cached_property
    def offsets(self) -> Tensor:
        """(B + 1,) int32: example b owns units offsets[b]:offsets[b + 1]."""
        sums = torch.tensor((0, *self.lengths), dtype=torch.int32).cumsum(0, dtype=torch.int32)
        return sums.to(self.device, non_blocking=True)

    @cached_property
    def example(self) -> Tensor:
        """(U,) int64: the example of each unit."""
        # numpy's, which a tracer (torch.export) takes as a constant; torch's would have a size that depends on values.
        numbers = np.repeat(np.arange(self.num_examples), np.array(self.lengths, dtype=np.int64))
        return torch.from_numpy(numbers).to(self.device, non_blocking=True)

    @cached_property
    def position(self) -> Tensor:
        """(U,) int64: the position of each unit in its example."""
        if self.positions is not None:
            return self.positions
        return torch.arange(self.num_units, device=self.device) - self.offsets.long()[self.example]

    @cached_property
    def coordinates(self) -> tuple[Tensor, Tensor]:
        """Row and column of each unit on the grid, each (U,) int64; those of leading units mean nothing.

        Raises:
            ValueError: the units lie on no grid.
        """
        if self.grid is None:
            raise ValueError("positions in two dimensions need units on a grid, such as the patches of images")
        place = self.position - self.leading
        return place // self.grid[1], place % self.grid[1]

    @property
    def contiguous(self) -> bool:
        """True if every example has the positions 0, 1, 2, ... and each unit may see all of it."""
        return self.positions is None and self.visible is None

    def keep(self, keep: Tensor, index: Tensor | None = None) -> "Layout":
        """The layout of the units where `keep` (U,) bool is true, at their original positions; `index` holds their numbers,
        if they are known already."""
        index = keep if index is None else index
        prefix = None
        if self.prefix is not None:
            inside = self.position < torch.tensor(self.prefix, device=self.device)[self.example]
            prefix = tuple(self.counts(keep & inside).tolist())
        visible = None
        if self.visible is not None:
            visible = tuple(v[k][:, k] for v, k in zip(self.visible, keep.split(self.lengths), strict=True))
        lengths = tuple(self.counts(keep).tolist())
        return Layout(lengths, self.device, self.position[index], prefix, self.grid, self.leading, visible)

    def counts(self, units: Tensor) -> Tensor:
        """(B,) int64: the sum of (U,) whole numbers over the units of each example; of bool, how many are true."""
        return torch.zeros(self.num_examples, dtype=torch.long, device=units.device).index_add_(
            0, self.example, units.long()
        )


@dataclass(frozen=True)
class Ragged:
    """A sequence of numbers for each example, of any length.

    Args:
        values: (N,) of all examples, laid end to end.
        lengths: numbers of each example.
    """

    values: Tensor
    lengths: tuple[int, ...]

    def split(self) -> tuple[Tensor, ...]:
        """The sequence of each example."""
        return self.values.split(self.lengths)

    def at(self, layout: Layout) -> Tensor:
        """(U,) the number that stands where each unit stands, if both divide the example evenly: unit p of n gets number
        floor((p + 1/2) m / n) of m. Leading units, which stand nowhere, get -1.

        Raises:
            ValueError: units were left out of the layout, or an example has units and no numbers.
        """
        if not layout.contiguous:
            raise ValueError("numbers can be laid over whole examples only, and units were left out of these (keep)")
        stand = layout.position >= layout.leading
        example, place = layout.example[stand], layout.position[stand] - layout.leading
        units = torch.tensor(layout.lengths, device=layout.device)[example] - layout.leading
        lengths = torch.tensor(self.lengths, device=layout.device)
        first, numbers = (lengths.cumsum(0) - lengths)[example], lengths[example]
        if bool((numbers == 0).any()):
            raise ValueError("an example has units, and none of the numbers that are to be laid over them")
        found = self.values[first + (2 * place + 1) * numbers // (2 * units)]
        return found.new_full((layout.num_units,), -1).masked_scatter(stand, found)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Ragged":
        return replace(self, values=self.values.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Ragged":
        return replace(self, values=self.values.pin_memory())
