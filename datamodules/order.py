"""Which examples make a batch, in which order, and which of them a rank and a labelled view get: pure functions."""

import numpy as np

WINDOW = 100  # batches whose examples are sorted together by `bucket`


def evenly(batches: list[list[int]], ranks: int) -> list[list[int]]:
    """A multiple of `ranks` batches, of which batch k is for rank k % ranks: the longest of the last are halved.

    Only what cannot be halved is left out: the rest of fewer examples than ranks.
    """
    whole = max(0, len(batches) // ranks - 1) * ranks
    last = list(batches[whole:])
    while len(last) % ranks:
        longest = max(range(len(last)), key=lambda k: len(last[k]))
        if (half := len(last[longest]) // 2) == 0:
            break
        last[longest : longest + 1] = [last[longest][:half], last[longest][half:]]
    return [*batches[:whole], *last[: len(last) // ranks * ranks]]


def balanced(labels: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """`limit` examples, as equally many of each class as there are, in a seeded choice; sorted."""
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.zeros(len(labels), np.int64)  # how many of its class come before an example in `order`
    for label in np.unique(labels):
        own = order[labels[order] == label]
        turn[own] = np.arange(len(own))
    return np.sort(order[np.argsort(turn[order], kind="stable")][:limit])


def by_budget(lengths: np.ndarray, order: np.ndarray, budget: float) -> list[list[int]]:
    """Cut `order` into batches of at most `budget` units (one example at least)."""
    ends = np.cumsum(lengths[order])
    batches, start = [], 0
    while start < len(order):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + budget, side="right")), start + 1)
        batches.append(order[start:stop].tolist())
        start = stop
    return batches


def plan(
    lengths: np.ndarray,
    budget: float,
    *,
    shuffle: bool,
    bucket: bool,
    seed: int,
    epoch: int,
) -> list[list[int]]:
    """The batches of an epoch, over all ranks, by a budget of units.

    Args:
        lengths: (N,) units of each example.
        budget: of a batch.
        shuffle: a new order each epoch; otherwise that of the source.
        bucket: put examples of similar length together.
    """
    order = np.arange(len(lengths))
    if not shuffle:
        return by_budget(lengths, order, budget)
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(order)
    if not bucket:
        return by_budget(lengths, order, budget)
    of_batch = len(lengths) / max(1.0, lengths.sum() / budget)  # examples, on average
    window = max(1, int(WINDOW * of_batch))
    parts = [part[np.argsort(lengths[part], kind="stable")] for part in np.split(order, range(window, len(order), window))]
    batches = by_budget(lengths, np.concatenate(parts), budget)
    return [batches[i] for i in rng.permutation(len(batches))]
