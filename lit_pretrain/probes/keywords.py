"""How often does the next unit with a certain symbol lie where a relation leads? A baseline for attention heads.

Legend: L units of an example, P pairs, N keywords found, of all pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Keywords:
    """The keyword baseline of CodeSyntax (arXiv 2210.14473), for any symbols and in both directions: what would find each
    pair, such as the next `else` after a condition, or the nearest `def` before a name.

    Args:
        pair: (N,) int64 the pair that is found, from 0 to P - 1.
        keyword: (N,) int64 what finds it: a symbol s after the first stretch as 2 s, before it as 2 s + 1.
        pairs: P.
    """

    pair: Tensor
    keyword: Tensor
    pairs: int

    @classmethod
    def of(cls, symbols: Tensor, among: Tensor, pairs: Tensor) -> "Keywords":
        """Of an example.

        Args:
            symbols: (L,) int64, 0 or more, such as token ids.
            among: (L,) bool, units that can be meant.
            pairs: (P, 4) see `Relations`.
        """
        start, stop, first, after = (column[:, None] for column in pairs.T)
        place = torch.arange(len(symbols), device=symbols.device)
        order = symbols.argsort(stable=True)
        same = symbols[order][1:] == symbols[order][:-1]
        before = torch.full_like(symbols, -1)  # where the same symbol stood last
        before[order[1:][same]] = order[:-1][same]
        behind = torch.full_like(symbols, len(symbols))  # where it stands next
        behind[order[:-1][same]] = order[1:][same]
        inside = (place >= first) & (place < after) & among  # (P, L)
        ways = [inside & (place >= stop) & (before < stop), inside & (place < start) & (behind >= start)]
        found = [way.nonzero().T for way in ways]
        keyword = torch.cat([2 * symbols[unit] + side for side, (_, unit) in enumerate(found)])
        return cls(torch.cat([pair for pair, _ in found]), keyword, len(pairs))

    @classmethod
    def cat(cls, parts: Sequence["Keywords"]) -> "Keywords":
        """One after the other."""
        shifts = torch.tensor([0, *(part.pairs for part in parts)]).cumsum(0).tolist()
        pair = torch.cat([part.pair + shift for part, shift in zip(parts, shifts, strict=False)])
        return cls(pair, torch.cat([part.keyword for part in parts]), shifts[-1])

    def best(self, k: int) -> tuple[float, tuple[int, ...]]:
        """The share of pairs that k keywords find, and these: taken one after the other, each the best for what is left, on
        these very pairs, as `best_offsets` does. Fewer than k, where all pairs are found."""
        left, taken = torch.ones(self.pairs, dtype=torch.bool, device=self.pair.device), []
        for _ in range(k):
            keywords, counts = self.keyword[left[self.pair]].unique(return_counts=True)
            if not len(keywords):
                break
            taken.append(int(keywords[counts.argmax()]))
            left[self.pair[self.keyword == taken[-1]]] = False
        return 1 - float(left.double().mean()), tuple(taken)
