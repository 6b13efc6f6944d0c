"""Sequences as pictures, time running to the right.

Legend: B examples, U units of all examples end to end, F width of features, T units of the longest example, H rows.
"""

import torch
from torch import Tensor

from lit_pretrain.types import Layout

ROWS = 12  # of a band of colours
GREY = 0.35
GOLDEN = 0.6180339887498949  # its multiples spread over the circle of hues, however many there are


def drawn(features: Tensor, layout: Layout, stack: int = 1) -> Tensor:
    """(U, F) -> (B, 1, F / S, T S): one column a frame, its first feature at the bottom; NaN after the end of an example.

    Args:
        stack: S, frames that lie one after the other in the features of a unit.
    """
    examples = [x.unflatten(1, (stack, -1)).flatten(0, 1) for x in features.float().split(layout.lengths)]
    columns = torch.nn.utils.rnn.pad_sequence(examples, True, torch.nan)  # (B, T S, F / S)
    return columns.mT.flip(1)[:, None]


def bands(numbers: Tensor, layout: Layout) -> Tensor:
    """(U,) int64 -> (B, 3, H, T): a colour for each number, grey for negative ones; NaN after the end of an example."""
    hue = numbers * GOLDEN % 1
    wheel = hue[:, None] + torch.tensor([0.0, 1 / 3, 2 / 3], device=hue.device)
    colour = 0.5 + 0.45 * (2 * torch.pi * wheel).cos()  # (U, 3)
    colour = torch.where((numbers < 0)[:, None], torch.full_like(colour, GREY), colour)
    columns = torch.nn.utils.rnn.pad_sequence(list(colour.split(layout.lengths)), True, torch.nan)  # (B, T, 3)
    return columns.mT[:, :, None].expand(-1, -1, ROWS, -1)
