"""Units as the frames of a sequence. Legend: B examples, T frames of the longest, U units, D width."""

import torch
from torch import Tensor

from lit_pretrain.types import Encoded, Layout, UnitBatch


def frames(encoded: Encoded) -> UnitBatch:
    """The units (U, D) in their order, without those in front that stand for a whole example."""
    layout = encoded.layout
    if not layout.leading:
        return UnitBatch(encoded.units, layout)
    examples = [units[layout.leading :] for units in encoded.units.split(layout.lengths)]
    return UnitBatch(torch.cat(examples), Layout(tuple(map(len, examples)), layout.device))


def padded(batch: UnitBatch) -> Tensor:
    """(B, T, D): the examples side by side, zeros after their ends."""
    return torch.nn.utils.rnn.pad_sequence(list(batch.units.split(batch.layout.lengths)), batch_first=True)
