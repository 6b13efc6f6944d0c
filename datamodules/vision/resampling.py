"""How often an image is drawn in an epoch. Legend: N images, T tags."""

import numpy as np

from lit_pretrain.part import Recorded


class SquareRoot(Recorded):
    """Square-root resampling of hashtags (arXiv 1805.00932): rare tags are seen more often than they occur.

    An image counts max over its tags h of max(1, sqrt(threshold / f(h))) times, f(h) being the share of images that carry
    h; the fraction is drawn anew in each epoch.

    Args:
        threshold: tags of a larger share than this are not repeated.
    """

    def __init__(self, threshold: float = 0.1):
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold={threshold}: give the share of images below which a tag counts as rare")
        self.threshold = threshold

    def factors(self, tags: np.ndarray) -> np.ndarray:
        """(N, T) bool -> (N,) float, 1 or more."""
        share = tags.mean(0)
        by_tag = np.sqrt(self.threshold / np.where(share > 0, share, self.threshold)).clip(min=1)
        return np.where(tags, by_tag, 1.0).max(1, initial=1.0)

    def counts(self, tags: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(N,) int: how often each image is drawn in an epoch."""
        factors = self.factors(tags)
        return (factors + rng.random(len(factors))).astype(np.int64)  # rounded down: the fraction is a probability

    def most(self, tags: np.ndarray) -> int:
        """The largest count that an epoch may have."""
        return int(self.factors(tags).max(initial=1.0)) + 1
