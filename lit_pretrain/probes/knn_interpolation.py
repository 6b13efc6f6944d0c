"""A classifier and its neighbours together. Legend: N examples, D width of the features, C classes."""

import copy
from typing import Any

from torch import Tensor

from lit_pretrain.probes.base import Labelled, Probe, first_argmax
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.logistic import LogisticProbe


class KNNInterpolation(Probe):
    """p = weight * p of the k nearest neighbours + (1 - weight) * p of logistic regression (arXiv 2112.08459).

    The neighbours' p is their share of the votes. The weight is the one with the highest accuracy on the validation
    features, of equals the smallest; 0 and 1 are always tried, so there it is never below either of the two. Without
    validation features it is chosen on examples that both are fitted without, as many as the classifier holds out.

    Args:
        classifier: of the second p.
        knn: of the first.
        weights: the grid between 0 and 1.
    """

    def __init__(
        self,
        classifier: LogisticProbe = LogisticProbe(),
        knn: KNNProbe = KNNProbe(),
        weights: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
    ):
        if bad := [weight for weight in weights if not 0 < weight < 1]:
            raise ValueError(f"weights={bad} must lie between 0 and 1, which are tried anyway")
        self.classifier, self.knn = copy.copy(classifier), copy.copy(knn)
        self.weights = (0.0, *sorted(weights), 1.0)

    def fit_classes(self, features: Tensor, targets: Tensor, validation: Labelled | None) -> None:
        if validation is not None:
            self._fit_both(features, targets, validation)
            self.weight = self._best(*validation)
        else:
            held = self.classifier.hold_out(targets)
            if not held.any():
                raise ValueError(f"{len(targets)} examples: too few to hold some out; give validation features")
            self._fit_both(features[~held], targets[~held], (features[held], targets[held]))
            self.weight = self._best(features[held], targets[held])
            self._fit_both(features, targets, None)
        self.selected |= {"weight": self.weight, **self.classifier.selected}

    def scores(self, features: Tensor) -> Tensor:
        return self._mixed(*self._both(features), self.weight)

    def protocol(self) -> dict[str, Any]:
        return super().protocol() | {"classifier": self.classifier.protocol(), "knn": self.knn.protocol()}

    def _fit_both(self, features: Tensor, targets: Tensor, validation: Labelled | None) -> None:
        for probe in (self.classifier, self.knn):
            probe.classes, probe.selected = self.classes, {}
            probe.fit_classes(features, targets, validation)

    def _both(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C) each: the neighbours' p, and the classifier's."""
        votes = self.knn.scores(features).double()
        return votes / votes.sum(1, keepdim=True), self.classifier.scores(features).double().softmax(1)

    def _best(self, features: Tensor, targets: Tensor) -> float:
        both = self._both(features)
        accuracy = [float((first_argmax(self._mixed(*both, w)) == targets).double().mean()) for w in self.weights]
        return self.weights[accuracy.index(max(accuracy))]

    @staticmethod
    def _mixed(neighbours: Tensor, classifier: Tensor, weight: float) -> Tensor:
        return weight * neighbours + (1 - weight) * classifier
