"""What a probe is: features and labels in, named numbers out. It never asks who made the features.

Legend: N examples, D width of the features, C classes.
"""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import Outcomes

Labelled = tuple[Tensor, Tensor]  # features (N, D) and labels (N,)


class Probe(Recorded):
    """A classifier on frozen features.

    A probe is a pure function of what it is given: it computes where the features lie, and any draw comes from a
    generator of its own. A subclass implements `fit_classes` and `scores`, for classes numbered from 0 without gaps, or else
    `fit` and `score`.

    Attributes:
        learns: the attribute of the data that names the labels it is fitted to.
        main: of what `score` gives, the number that tables and progress show.
        larger_is_better: of what `score` gives; False for errors.
        percent: what `score` gives are shares of 1; False: they have units of their own.
        classes: (C,) int64 the labels seen by `fit`, ascending.
        selected: what `fit` chose by itself (such as the strength of the penalty).
    """

    learns: ClassVar[str] = "class_names"
    main: ClassVar[str] = "accuracy"
    larger_is_better: ClassVar[bool] = True
    percent: ClassVar[bool] = True
    classes: Tensor
    selected: dict[str, float]

    def fit(self, features: Tensor, labels: Tensor, validation: Labelled | None = None) -> Self:
        """
        Args:
            features: (N, D).
            labels: (N,) int64.
            validation: where hyper-parameters are chosen; None: on a part of the training examples.

        Raises:
            ValueError: labels are not one class each, or features are not finite.
        """
        check(features, labels)
        self.selected = {}
        self.classes, targets = labels.unique(return_inverse=True)
        if validation is not None:
            check(*validation)
            # A class that was never seen gets number C, which no score can reach: it counts as an error.
            known = torch.isin(validation[1], self.classes)
            numbers = torch.searchsorted(self.classes, validation[1]).where(known, len(self.classes))
            validation = (validation[0], numbers)
        self.fit_classes(features, targets, validation)
        return self

    @abstractmethod
    def fit_classes(self, features: Tensor, targets: Tensor, validation: Labelled | None) -> None:
        """Fit to targets (N,) in 0 .. C - 1."""

    @abstractmethod
    def scores(self, features: Tensor) -> Tensor:
        """(N, C), the highest for the predicted class."""

    def predict(self, features: Tensor) -> Tensor:
        """(N,) int64 labels; of equal scores the lowest label."""
        return self.classes[first_argmax(self.scores(features))]

    def score(self, features: Tensor, labels: Tensor) -> Iterator[tuple[str, float]]:
        """Accuracy, and the F1 score averaged over the classes that occur in labels or predictions."""
        check(features, labels)
        predicted = self.predict(features)
        yield "accuracy", float((predicted == labels).double().mean())
        yield "macro_f1", macro_f1(predicted, labels)

    def outcomes(self, features: Tensor, labels: Tensor) -> Outcomes | None:
        """What each example adds to the main score; None: that is no mean over examples."""
        return Outcomes.of_classes(self.predict(features), labels).cpu() if self.main == "accuracy" else None

    def protocol(self) -> dict[str, Any]:
        """All that another must know to repeat the measurement."""
        return {"probe": type(self).__name__, **self._init_args, "selected": self.selected}


def check(features: Tensor, labels: Tensor) -> None:
    if features.ndim != 2 or labels.shape != features.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(f"a probe needs features (N, D) and one int64 class an example, not {tuple(features.shape)}"
                         f" and {labels.dtype} {tuple(labels.shape)}")  # fmt: skip
    check_features(features)


def check_features(features: Tensor) -> None:
    if not len(features):
        raise ValueError("a probe needs at least one labelled example, and there is none")
    bad = int((~features.isfinite()).any(1).sum())
    if bad:
        raise ValueError(f"the features of {bad} of {len(features)} examples are not finite: the encoder has diverged")


def first_argmax(scores: Tensor) -> Tensor:
    """(N,) the first of the highest; `argmax` promises nothing about ties."""
    return (scores == scores.amax(1, keepdim=True)).to(torch.int8).argmax(1)


def macro_f1(predicted: Tensor, labels: Tensor) -> float:
    values = []
    for label in torch.cat([predicted, labels]).unique():
        is_label, was_predicted = labels == label, predicted == label
        values.append(2 * (is_label & was_predicted).sum() / (is_label.sum() + was_predicted.sum()))
    return float(torch.stack(values).double().mean())


def working_dtype(features: Tensor) -> torch.dtype:
    """float64, in which the solvers reach the same optimum everywhere; float32 where the device has none."""
    return torch.float32 if features.device.type == "mps" else torch.float64


class Standardiser:
    """(x - mean) / standard deviation, with the statistics of the training features; constant columns become 0.

    Sums are of `working_dtype` whatever the features are.
    """

    def __init__(self, features: Tensor):
        self.dtype, wide = features.dtype, working_dtype(features)
        self.mean = features.mean(0, dtype=wide)
        deviation = (features - self.mean.to(features.dtype)).square().mean(0, dtype=wide).sqrt()
        constant = deviation <= 1e-12 * features.abs().amax(0)
        self.inverse = torch.where(constant, 0.0, 1 / deviation.where(~constant, 1.0))

    def __call__(self, features: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """In `dtype`, or that of the training features."""
        dtype = dtype or self.dtype
        return (features.to(dtype) - self.mean.to(dtype)) * self.inverse.to(dtype)
