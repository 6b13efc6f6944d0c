"""Divisions of examples into train, validation and test, for data that come without one."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedKFold


def random_splits(count: int, validation_fraction: float, test_fraction: float) -> dict[str, np.ndarray]:
    """A fixed choice at random: the numbers of each split, sorted.

    Raises:
        ValueError: the fractions are no shares that leave something to train on.
    """
    _check(validation_fraction, test_fraction)
    order = np.random.default_rng(0).permutation(count)
    sizes = np.cumsum([round(count * test_fraction), round(count * validation_fraction)])
    parts = zip(("test", "validation", "train"), np.split(order, sizes), strict=True)
    return {split: np.sort(part) for split, part in parts}


def fold_splits(labels: np.ndarray, fold: int, folds: int) -> dict[str, np.ndarray]:
    """Cross-validation: fold number `fold` is test, the next one validation, the others train. The classes (G,) have the
    same shares in each.

    Raises:
        ValueError: there is no such fold, or a class has fewer examples than there are folds.
    """
    if folds < 3 or not 0 <= fold < folds:
        raise ValueError(f"fold={fold} must be one of 0 to folds - 1, and folds={folds} at least 3")
    if labels.dtype.kind != "i" or np.unique(labels, return_counts=True)[1].min() < folds:
        raise ValueError(f"folds={folds} need classes that have as many examples each: leave `fold` out")
    parts = [own for _, own in StratifiedKFold(folds, shuffle=True, random_state=0).split(labels, labels)]
    test, validation = parts[fold], parts[(fold + 1) % folds]
    others = np.setdiff1d(np.arange(len(labels)), np.concatenate([test, validation]))
    return {"train": others, "validation": validation, "test": test}


def group_splits(groups: Sequence[str], validation_fraction: float, test_fraction: float) -> dict[str, np.ndarray]:
    """Examples of one group (n,) stand in one split. The largest groups come first, into training while they fit, else into
    validation, else into test; of equal ones that whose first example is later.

    Raises:
        ValueError: the fractions are no shares that leave something to train on.
    """
    _check(validation_fraction, test_fraction)
    members = defaultdict(list)
    for number, name in enumerate(groups):
        members[name].append(number)
    train, validation, test = [], [], []
    first, second = (1 - validation_fraction - test_fraction) * len(groups), (1 - test_fraction) * len(groups)
    for group in sorted(members.values(), key=lambda own: (len(own), own[0]), reverse=True):
        if len(train) + len(group) <= first:
            train += group
        elif len(train) + len(validation) + len(group) <= second:
            validation += group
        else:
            test += group
    parts = {"train": train, "validation": validation, "test": test}
    return {split: np.sort(np.array(part, np.int64)) for split, part in parts.items()}


def _check(validation_fraction: float, test_fraction: float) -> None:
    if min(validation_fraction, test_fraction) < 0 or validation_fraction + test_fraction >= 1:
        raise ValueError(f"validation_fraction={validation_fraction} and test_fraction={test_fraction} must be shares that"
                         " sum to less than 1")  # fmt: skip
