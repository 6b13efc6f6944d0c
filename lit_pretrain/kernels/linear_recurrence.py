"""A linear recurrence over examples laid end to end. Legend: U units, D width."""

import torch
from torch import Tensor

from lit_pretrain.types import Layout


def linear_recurrence(decay: Tensor, value: Tensor, layout: Layout) -> Tensor:
    """h_t = decay_t * h_(t-1) + value_t for the units t of each example in order, with h = 0 before the first.

    In about log2 of the longest example's units passes: in pass p, each unit takes over what was gathered 2^p units before.

    Args:
        decay: (U, D) between 0 and 1.
        value: (U, D).
        layout: whose unit is whose.

    Returns:
        (U, D) float32.
    """
    decay, state = decay.float(), value.float()
    first = torch.cat([layout.example.new_full((1,), -1), layout.example[:-1]]) != layout.example
    decay = decay.masked_fill(first[:, None], 0.0)  # so nothing is carried into the next example
    reach = 1
    while reach < layout.max_length:
        carried = decay[reach:] * state[:-reach]
        state = torch.cat([state[:reach], state[reach:] + carried])
        decay = torch.cat([decay[:reach], decay[reach:] * decay[:-reach]])
        reach *= 2
    return state
