"""Stretches of frames altered, as TERA does. Legend: B examples, U frames, n of one example, F width."""

import torch
from torch import Tensor

from lit_pretrain.corruptions.random_order import places
from lit_pretrain.part import Recorded
from lit_pretrain.types import Layout


class TimeAlteration(Recorded):
    """Spans of each example become zero, or frames of other times, or stay (TERA, arXiv 2007.06028).

    Of each example round(share n / length) spans are chosen, which may overlap. Then a die says, once for the example, what
    becomes of them: zeros, the same number of spans from anywhere in the example, or nothing, so that the network cannot
    tell by a frame's looks whether it is true.

    Args:
        share: of the frames, that would be chosen if no spans overlapped.
        length: frames of a span.
        zero, swap: probabilities that chosen frames become zero, and that others replace them.
    """

    def __init__(self, share: float = 0.15, length: int = 7, zero: float = 0.8, swap: float = 0.1):
        if not 0 < share <= 1 or length < 1:
            raise ValueError(f"share={share} must be above 0 and at most 1, and length={length} at least 1")
        if not (zero >= 0 and swap >= 0 and zero + swap <= 1):
            raise ValueError(f"zero={zero} and swap={swap} must be probabilities whose sum is at most 1")
        self.share, self.length, self.zero, self.swap = share, length, zero, swap

    def __call__(self, features: Tensor, layout: Layout, generator: torch.Generator) -> Tensor:
        """(U, F) -> (U, F), a copy."""
        chosen, source = self.choose(layout, generator)
        die = torch.rand(layout.num_examples, generator=generator, device=layout.device)[layout.example]
        zeroed, swapped = chosen & (die < self.zero), chosen & (die >= self.zero) & (die < self.zero + self.swap)
        altered = torch.where(swapped[:, None], features[source], features)
        return altered.masked_fill(zeroed[:, None], 0.0)

    def choose(self, layout: Layout, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Which frames are chosen, (U,) bool, and which would replace them, (U,) int64; the others' own number."""
        units = layout.offsets.diff().double()  # (B,)
        spans = (self.share * units / self.length).round().minimum((units / self.length).floor())
        fits = layout.position <= units[layout.example] - self.length
        wanted, given = (places(fits, layout, generator) for _ in range(2))
        frames, offset = torch.arange(layout.num_units, device=layout.device), layout.offsets[:-1].long()[layout.example]
        # The span that comes i-th in one random order gets the frames of the i-th in the other.
        partner = torch.empty_like(frames).scatter_(0, offset + given, frames)[offset + wanted]
        begins = (wanted < spans[layout.example]) & fits
        begin = torch.where(begins, frames, -self.length).cummax(0).values  # of the last span up to each frame
        chosen = frames - begin < self.length
        return chosen, torch.where(chosen, partner[begin.clamp(min=0)] + frames - begin, frames)
