"""Blocks of units on a grid. Legend: U units of all examples, R x C their grid."""

import math
import random

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import Layout


class Blockwise(Recorded):
    """Hides rectangles, as BEiT does (arXiv 2106.08254), so that a hidden unit's neighbours are mostly hidden too.

    Rectangles are drawn until a share of `ratio` is hidden, or ten in a row bring nothing new or too much. Each has an area
    between `min_units` and what is still to be hidden (the last may therefore be smaller), and an aspect ratio whose
    logarithm is uniform. As in the published code, never more than the share is hidden. Leading units never are.

    Args:
        ratio: the share that is hidden at most; 0.4 in the paper.
        min_units: area of the smallest rectangle; 16 in the paper, on a grid of 14 x 14.
        min_aspect: the smallest ratio of its sides, whose inverse is the largest; 0.3 in the paper.
    """

    def __init__(self, ratio: float = 0.4, min_units: int = 16, min_aspect: float = 0.3):
        if not 0 < ratio < 1:
            raise ValueError(f"ratio={ratio}: the hidden share must lie between 0 and 1")
        if min_units < 1 or not 0 < min_aspect <= 1:
            raise ValueError(f"min_units={min_units} must be at least 1, min_aspect={min_aspect} in (0, 1]")
        self.ratio, self.min_units, self.min_aspect = ratio, min_units, min_aspect

    def __call__(self, layout: Layout, generator: torch.Generator) -> Tensor:
        """(U,) bool, true where hidden, for whole examples."""
        if layout.grid is None or not layout.contiguous:
            raise ValueError("blocks need whole examples with units on a grid, such as the patches of images")
        rows, columns = layout.grid
        if (target := int(self.ratio * rows * columns)) < self.min_units:
            raise ValueError(f"min_units={self.min_units}: a block would hide more than ratio={self.ratio} of {rows} x"
                             f" {columns} units; lower it, or take smaller patches")  # fmt: skip
        # On the host, where a loop costs little; one number of the generator seeds all draws.
        seed = torch.randint(2**62, (1,), generator=generator, device=generator.device)
        draw = random.Random(int(seed))
        front = [False] * layout.leading
        hidden = [front + self._hide(rows, columns, target, draw) for _ in range(layout.num_examples)]
        return torch.tensor(hidden).flatten().to(layout.device, non_blocking=True)

    def _hide(self, rows: int, columns: int, target: int, draw: random.Random) -> list[bool]:
        """(R * C) bool of one example."""
        hidden: set[int] = set()
        failures, limit = 0, math.log(self.min_aspect)
        while len(hidden) < target and failures < 10:
            area = draw.uniform(self.min_units, target - len(hidden))
            aspect = math.exp(draw.uniform(limit, -limit))
            height, width = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            failures += 1
            if 0 < height < rows and 0 < width < columns:
                top, left = draw.randint(0, rows - height), draw.randint(0, columns - width)
                block = {r * columns + c for r in range(top, top + height) for c in range(left, left + width)}
                if hidden < hidden | block and len(hidden | block) <= target:
                    hidden |= block
                    failures = 0
        return [i in hidden for i in range(rows * columns)]
