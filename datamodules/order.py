"""Which examples a rank and a labelled view get: pure functions."""

import numpy as np


def of_rank(batches: list[list[int]], rank: int, world_size: int) -> list[list[int]]:
    """Batch k for rank k % world_size; the longest of the last batches are halved until each rank gets equally many.

    Only what cannot be halved is left out: the rest of fewer examples than ranks.
    """
    whole = max(0, len(batches) // world_size - 1) * world_size
    last = list(batches[whole:])
    while len(last) % world_size:
        longest = max(range(len(last)), key=lambda k: len(last[k]))
        if (half := len(last[longest]) // 2) == 0:
            break
        last[longest : longest + 1] = [last[longest][:half], last[longest][half:]]
    return [*batches[:whole], *last[: len(last) // world_size * world_size]][rank::world_size]


def balanced(labels: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """`limit` examples, as equally many of each class as there are, in a seeded choice; sorted."""
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.zeros(len(labels), np.int64)  # how many of its class come before an example in `order`
    for label in np.unique(labels):
        own = order[labels[order] == label]
        turn[own] = np.arange(len(own))
    return np.sort(order[np.argsort(turn[order], kind="stable")][:limit])
