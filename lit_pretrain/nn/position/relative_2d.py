"""Relative position biases on a grid (BEiT, arXiv 2106.08254). Legend: H heads, Lq queries, Lk keys."""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Layout


class Relative2D(Position):
    """Adds table[offset of rows, offset of columns] of each head to its scores, and a row of its own to the scores of a
    class token: as query, as key, and with itself. All start at zero.

    Args:
        num_heads: H.
        grid: rows and columns of the units; others are refused, because the table has no rows for them.
    """

    def __init__(self, num_heads: int, grid: tuple[int, int]):
        super().__init__()
        self.grid = rows, columns = tuple(grid)
        self.offsets = (2 * rows - 1) * (2 * columns - 1)
        self.table = nn.Parameter(torch.zeros(self.offsets + 3, num_heads))

    def embed(self, x: Tensor, layout: Layout) -> Tensor:
        """Nothing is added; here is where units on another grid are refused."""
        if layout.grid != self.grid or layout.leading != 1:
            raise ValueError(f"Relative2D was made for a class token and a grid of {self.grid}, and got {layout.leading}"
                             f" leading units and a grid of {layout.grid}: set the encoder's image_size to that of the"
                             " data")  # fmt: skip
        return x

    def bias(self, queries: Tensor, keys: Tensor, causal: bool) -> Tensor:
        rows, columns = self.grid
        q, k = queries[:, None], keys[None]
        down = (q - 1) // columns - (k - 1) // columns + rows - 1  # (Lq, Lk)
        right = (q - 1) % columns - (k - 1) % columns + columns - 1
        index = down * (2 * columns - 1) + right
        # Position 0 is the class token: as query, as key, with itself.
        index = torch.where(q == 0, self.offsets, torch.where(k == 0, self.offsets + 1, index))
        index = torch.where((q == 0) & (k == 0), self.offsets + 2, index)
        return self.table[index].permute(2, 0, 1)  # (H, Lq, Lk)
