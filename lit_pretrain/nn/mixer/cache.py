"""Keys and values of the units already generated. Legend: U new units, S all units, H heads, E width of a head."""

from collections import Counter
from collections.abc import Callable

import torch
from torch import Tensor, nn

from lit_pretrain.types import Layout


class KeyValueCache:
    """Grows with each pass of a causal model over further units of the same examples."""

    def __init__(self) -> None:
        self._stored: dict[tuple[nn.Module, int], tuple[list[Tensor], list[Tensor]]] = {}
        self._sources: dict[nn.Module, tuple[Tensor, Tensor]] = {}
        self._turns: Counter[nn.Module] = Counter()  # a looped block's mixer has keys and values for each turn
        self.lengths: tuple[int, ...] = ()  # units of each example that have been seen by all mixers

    def extend(self, mixer: nn.Module, k: Tensor, v: Tensor, layout: Layout) -> tuple[Tensor, Tensor, Layout]:
        """Append `k`, `v` (U, H, E) of the new units; return those of all units (S, H, E) and their layout."""
        place = mixer, self._turns[mixer]
        self._turns[mixer] += 1
        new_k, new_v = k.split(layout.lengths), v.split(layout.lengths)
        if place in self._stored:
            old_k, old_v = self._stored[place]
            new_k = [torch.cat(pair) for pair in zip(old_k, new_k, strict=True)]
            new_v = [torch.cat(pair) for pair in zip(old_v, new_v, strict=True)]
        self._stored[place] = (list(new_k), list(new_v))
        lengths = tuple(len(x) for x in new_k)
        return torch.cat(list(new_k)), torch.cat(list(new_v)), Layout(lengths, layout.device)

    def source(self, mixer: nn.Module, make: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Keys and values of what cross attention looks at, which `make` gives in the first pass."""
        if mixer not in self._sources:
            self._sources[mixer] = make()
        return self._sources[mixer]

    def positions(self, layout: Layout) -> Layout:
        """Begin a pass: the layout of new units, at the positions after those seen so far."""
        if layout.visible is not None:
            raise ValueError("units that are hidden from each other (visible) cannot be generated one by one")
        self._turns.clear()
        if not self.lengths:
            self.lengths = layout.lengths
            return layout
        before = torch.tensor(self.lengths, device=layout.device)
        self.lengths = tuple(a + b for a, b in zip(self.lengths, layout.lengths, strict=True))
        return Layout(layout.lengths, layout.device, layout.position + before[layout.example], layout.prefix)
