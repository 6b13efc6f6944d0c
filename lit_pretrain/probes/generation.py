"""How good generated examples are, as they are counted for molecules (GuacaMol, arXiv 1811.09621; MOSES, 1811.12823)."""

from collections.abc import Collection, Hashable, Sequence


def generation_scores(valid: Sequence[bool], keys: Sequence[Hashable], known: Collection[Hashable] = ()) -> dict[str, float]:
    """
    Args:
        valid: whether each generated example could be real.
        keys: what two of them share if they are the same.
        known: the keys of the training examples.

    Returns:
        `validity`: the valid ones among all; `uniqueness`: the different ones among the valid ones; `novelty`: those that
        are not known among the different valid ones. 0 where there is nothing to count among.
    """
    if len(valid) != len(keys) or not len(keys):
        raise ValueError(f"{len(valid)} examples are judged and {len(keys)} have keys: give as many of both, at least one")
    sound = [key for key, ok in zip(keys, valid, strict=True) if ok]
    different = set(sound)
    new = different - set(known)
    return {
        "validity": len(sound) / len(valid),
        "uniqueness": len(different) / max(1, len(sound)),
        "novelty": len(new) / max(1, len(different)),
    }
