"""Ridge regression onto numbers, in closed form: the linear probe of regression.

Legend: N examples, D width of the features, T numbers of an example.
"""

from collections.abc import Iterator
from typing import Self

import torch
from torch import Tensor

from lit_pretrain.probes.base import Labelled, Probe, Standardiser, check_features, working_dtype
from lit_pretrain.types import Outcomes


class RidgeRegression(Probe):
    """|y - Xw - b|² / N + l2 · |w|² on standardised features X, each number by itself, over the examples where it is known.

    The strength is the one with the least squared error on the validation features, or else by leave-one-out, which the
    same eigendecomposition gives exactly: e_i / (1 - h_i), where H is the hat matrix. Of equals the strongest is taken.

    Args:
        l2: the grid of strengths; scikit-learn's `alpha` is N · l2.
    """

    learns = "label_names"
    main = "rmse"
    larger_is_better = False
    percent = False

    def __init__(self, l2: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)):
        if not l2 or min(l2) <= 0:
            raise ValueError(f"l2={l2}: give at least one strength above 0")
        self.l2 = tuple(l2)

    def fit(self, features: Tensor, labels: Tensor, validation: Labelled | None = None) -> Self:
        """
        Args:
            features: (N, D).
            labels: (N,) or (N, T) float, NaN where they are unknown.
            validation: where strengths are chosen.

        Raises:
            ValueError: labels are no numbers, none is known, or features are not finite.
        """
        labels = columns(features, labels)
        held = None if validation is None else (validation[0], columns(*validation))
        self.selected, found = {}, []
        for t in range(labels.shape[1]):
            if not (~labels[:, t].isnan()).any():
                raise ValueError(f"number {t} of the labels is known of no training example")
            found.append(self._solve(t, features, labels[:, t], None if held is None else (held[0], held[1][:, t])))
        self.solutions = found
        return self

    def scores(self, features: Tensor) -> Tensor:
        """(N, T)."""
        return torch.stack([standardise(features) @ weight + bias for standardise, weight, bias in self.solutions], 1)

    def predict(self, features: Tensor) -> Tensor:
        return self.scores(features)

    def score(self, features: Tensor, labels: Tensor) -> Iterator[tuple[str, float]]:
        """Root of the mean square and mean of the errors, averaged over the numbers."""
        labels = columns(features, labels)
        errors = (self.predict(features) - labels).abs()
        errors = errors[:, (~labels.isnan()).any(0)]
        yield "rmse", float(errors.square().nanmean(0).sqrt().mean())
        yield "mae", float(errors.nanmean(0).mean())

    def outcomes(self, features: Tensor, labels: Tensor) -> Outcomes:
        errors = (self.predict(features) - columns(features, labels)).square()
        return Outcomes(errors.nan_to_num(), ~errors.isnan(), power=0.5).cpu()

    def _solve(self, t: int, features: Tensor, labels: Tensor, held: Labelled | None) -> tuple[Standardiser, Tensor, Tensor]:
        known = ~labels.isnan()
        features, labels = features[known].to(working_dtype(features)), labels[known].to(working_dtype(features))
        standardise = Standardiser(features)
        x, bias = standardise(features), labels.mean()  # (N, D), centred
        values, vectors = torch.linalg.eigh(x.T @ x / len(x))  # (D,), (D, D)
        values = values.clamp(min=0)  # rounding makes zeros negative
        turned = x @ vectors  # (N, D)
        moment = turned.T @ (labels - bias) / len(x)  # (D,)
        if held is not None:
            seen = ~held[1].isnan()
            held = (standardise(held[0][seen]), held[1][seen]) if seen.any() else None

        def error(l2: float) -> float:
            if held is not None:
                return float((held[0] @ (vectors @ (moment / (values + l2))) + bias - held[1]).square().mean())
            fitted = turned @ (moment / (values + l2)) + bias
            leverage = 1 / len(x) + (turned.square() / (values + l2)).sum(1) / len(x)
            return float(((labels - fitted) / (1 - leverage).clamp(min=1e-12)).square().mean())

        path = sorted(self.l2, reverse=True)
        l2 = min(path, key=error)
        self.selected[f"l2 of {t}"] = l2
        return standardise, vectors @ (moment / (values + l2)), bias


def columns(features: Tensor, labels: Tensor) -> Tensor:
    """(N,) or (N, T) -> (N, T).

    Raises:
        ValueError: labels are no numbers of each example, or features are not finite.
    """
    if features.ndim != 2 or len(labels) != len(features) or not labels.is_floating_point() or labels.ndim > 2:
        raise ValueError(f"this probe needs features (N, D) and float labels (N,) or (N, T), not {tuple(features.shape)} and"
                         f" {labels.dtype} {tuple(labels.shape)}")  # fmt: skip
    check_features(features)
    return labels.reshape(len(labels), -1)
