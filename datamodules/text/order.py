"""Which examples make a batch, and in which order: pure functions of (seed, epoch)."""

import numpy as np

WINDOW = 100  # batches whose examples are sorted together by `bucket`


def by_budget(lengths: np.ndarray, order: np.ndarray, budget: int) -> list[list[int]]:
    """Cut `order` into batches of at most `budget` tokens (one example at least)."""
    ends = np.cumsum(lengths[order])
    batches, start = [], 0
    while start < len(order):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + budget, side="right")), start + 1)
        batches.append(order[start:stop].tolist())
        start = stop
    return batches


def plan(lengths: np.ndarray, budget: int, *, shuffle: bool, bucket: bool, seed: int, epoch: int) -> list[list[int]]:
    """The batches of an epoch, over all ranks."""
    order = np.arange(len(lengths))
    if not shuffle:
        return by_budget(lengths, order, budget)
    rng = np.random.default_rng([seed, epoch])
    rng.shuffle(order)
    if not bucket:
        return by_budget(lengths, order, budget)
    window = max(1, int(WINDOW * budget / max(1.0, lengths.mean())))
    parts = [part[np.argsort(lengths[part], kind="stable")] for part in np.split(order, range(window, len(order), window))]
    batches = by_budget(lengths, np.concatenate(parts), budget)
    return [batches[i] for i in rng.permutation(len(batches))]
