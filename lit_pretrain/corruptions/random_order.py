"""The units of each example in a random order. Legend: U units of all examples end to end."""

import torch
from torch import Tensor

from lit_pretrain.types import Layout


def places(wanted: Tensor, layout: Layout, generator: torch.Generator) -> Tensor:
    """(U,) int64: the place of each unit in a random order of its example, in which the wanted ones (U,) come first."""
    noise = torch.rand(layout.num_units, generator=generator, device=layout.device)
    # In one sort for all examples. In float64, for the noise must not be rounded away beside the example's number.
    order = (4.0 * layout.example.double() + 2.0 * ~wanted + noise).argsort(stable=True)
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    return rank - layout.offsets[:-1].long()[layout.example]
