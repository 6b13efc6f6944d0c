"""Does an attention head follow a relation? And does it more than counting units on would?

Legend: L units of an example, H heads, P pairs, O offsets.
"""

import torch
from torch import Tensor


def attention_hits(weights: Tensor, among: Tensor, pairs: Tensor, k: int) -> Tensor:
    """(P, H) bool: one of the k units that are attended most lies where the relation leads (top-k of arXiv 2210.14473).

    Args:
        weights: (H, L, L) attention of each unit (row) to each other.
        among: (L,) bool, units that may be chosen.
        pairs: (P, 4) see `Relations`. A stretch attends by the mean over its units, and never to itself.
        k: fewer where there are not so many units.
    """
    sums = torch.cat([weights.new_zeros(len(weights), 1, weights.shape[2]), weights.cumsum(1)], 1)  # (H, L + 1, L)
    start, stop, first, after = pairs.T
    rows = (sums[:, stop] - sums[:, start]) / (stop - start)[:, None]  # (H, P, L)
    place = torch.arange(weights.shape[2], device=weights.device)
    itself = (place >= start[:, None]) & (place < stop[:, None])  # (P, L)
    chosen = rows.masked_fill(itself | ~among, -torch.inf).topk(min(k, len(among)), -1)  # (H, P, k)
    inside = (chosen.indices >= first[:, None]) & (chosen.indices < after[:, None]) & (chosen.values > -torch.inf)
    return inside.any(-1).T


def best_offsets(pairs: Tensor, k: int, furthest: int = 512) -> tuple[float, tuple[int, ...]]:
    """The share of pairs that k fixed offsets find, and these: counted from the first unit of a stretch on (where they are
    above 0) or from its last back. They are taken one after the other, each the best for what is left, on these very pairs:
    a baseline that knows the answers.

    Args:
        pairs: (P, 4), at least one.
        k: fewer, where all pairs are found.
        furthest: offset that is tried.
    """
    start, stop, first, after = pairs.T
    steps = torch.arange(1, furthest + 1, device=pairs.device)
    units = torch.cat([start[:, None] + steps, stop[:, None] - 1 - steps], 1)  # (P, O)
    found = (units >= first[:, None]) & (units < after[:, None])
    offsets = [*steps.tolist(), *(-steps).tolist()]
    left, taken = torch.ones_like(start, dtype=torch.bool), []
    for _ in range(k):
        counts = found[left].sum(0)
        best = int(counts.argmax()) if left.any() else 0
        if not left.any() or not counts[best]:
            break
        taken.append(offsets[best])
        left = left & ~found[:, best]
    return 1 - float(left.double().mean()), tuple(taken)
