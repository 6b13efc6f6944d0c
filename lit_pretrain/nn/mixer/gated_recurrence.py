"""A recurrence whose gates look at the unit alone, so that all units are computed at once. Legend: U units, D width."""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.kernels.linear_recurrence import linear_recurrence
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.base import Mixer


class GatedRecurrence(Mixer):
    """minGRU (arXiv 2410.01201) with the output gate of Mamba (arXiv 2312.00752):

        a_t = sigmoid(W_a x_t + b),   h_t = a_t * h_(t-1) + (1 - a_t) * W_v x_t,   y_t = out(h_t * SiLU(W_g x_t))

    b begins between 1 and 6, so that channels remember some 4 to 400 units. A unit sees itself and those before it.

    Args:
        dim: D.
        both_ways: half of the channels run from the end of an example to its start, and a unit sees all of them.
    """

    def __init__(self, dim: int, both_ways: bool = False):
        super().__init__()
        if both_ways and dim % 2:
            raise ValueError(f"dim={dim} must be even, since half of the channels run either way")
        self.forget, self.value = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim)
        self.gate, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.memory = nn.Parameter(
            torch.linspace(1.0, 6.0, dim // 2).repeat(2) if both_ways else torch.linspace(1.0, 6.0, dim)
        )
        self.both_ways = both_ways

    def forward(self, x: Tensor, context: Context) -> Tensor:
        if context.cache is not None:
            raise ValueError("GatedRecurrence keeps no state between calls: it serves no generation unit by unit")
        layout = context.layout
        if layout.visible is not None:
            raise ValueError("GatedRecurrence carries everything on: it serves no objective that hides units from others")
        kept = torch.sigmoid(self.forget(x).float() + self.memory)
        new = (1.0 - kept) * self.value(x).float()
        if self.both_ways:
            turned = replace(layout, lengths=layout.lengths[::-1], positions=None, prefix=None)
            (kept, kept_back), (new, new_back) = kept.chunk(2, -1), new.chunk(2, -1)
            back = linear_recurrence(kept_back.flip(0), new_back.flip(0), turned).flip(0)
            state = torch.cat([linear_recurrence(kept, new, layout), back], -1)
        else:
            state = linear_recurrence(kept, new, layout)
        return self.out(state.to(x.dtype) * F.silu(self.gate(x)))
