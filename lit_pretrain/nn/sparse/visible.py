"""What a convolutional network may see: cells of its last and coarsest grid.

Legend: B images, R x C cells, h x w positions of a map (each cell covers h / R x w / C of them).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from torch import Tensor


class Visible:
    """Which cells of each image are seen in this pass; all sparse layers of a network hold the same one."""

    def __init__(self) -> None:
        self.cells: Tensor | None = None  # (B, R, C) bool; None: all of them

    @contextmanager
    def only(self, cells: Tensor | None) -> Iterator[None]:
        """Inside, only `cells` (B, R, C) are seen. Gradients may be taken outside."""
        before, self.cells = self.cells, cells
        try:
            yield
        finally:
            self.cells = before

    def at(self, rows: int, columns: int) -> Tensor:
        """(B, 1, h, w) bool: the cells on a finer map of h = rows and w = columns.

        What is left over when the cells do not divide the map is padding that a layer before has put around it, and
        padding counts as seen, as in a dense network.
        """
        count, height, width = self.cells.shape
        (tall, extra_rows), (wide, extra_columns) = divmod(rows, height), divmod(columns, width)
        seen = self.cells[:, :, None, :, None].expand(count, height, tall, width, wide)
        seen = seen.reshape(count, 1, height * tall, width * wide)
        if not (extra_rows or extra_columns):
            return seen
        top, left = extra_rows // 2, extra_columns // 2
        return F.pad(seen, (left, extra_columns - left, top, extra_rows - top), value=True)

    def hide(self, x: Tensor, channels_last: bool = False) -> Tensor:
        """Zeros where a map (B, D, h, w), or (B, h, w, D) with channels last, is not seen."""
        if self.cells is None:
            return x
        if channels_last:
            return x.masked_fill(~self.at(*x.shape[1:3]).movedim(1, -1), 0)
        return x.masked_fill(~self.at(*x.shape[2:]), 0)


class Sparse:
    """Mixed into a layer: it computes what the dense layer computes, but only from and for what is visible.

    Its input is zero at hidden positions, and so is its output. While nothing is hidden it is the dense layer itself.
    """

    visible: Visible = Visible()  # of a network; a layer that is in none hides nothing
    channels_last = False

    def forward(self, x: Tensor) -> Tensor:
        """Enough for layers that look at zeros as at nothing: convolutions, and what looks at one position alone."""
        return self.visible.hide(super().forward(x), self.channels_last)
