"""Ridge regression onto one-hot labels, in closed form: the fastest linear probe.

Legend: N examples, D width of the features, C classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.probes.base import Labelled, Probe, Standardiser, first_argmax, working_dtype


class RidgeProbe(Probe):
    """|Y - XW - b|² / N + l2 · |W|² on standardised features X and one-hot labels Y, by one eigendecomposition.

    The strength is the one with the highest accuracy on the validation features, or else by leave-one-out, which
    the same decomposition gives exactly: e_i / (1 - h_i), where H is the hat matrix. Of equals the strongest is taken.

    Args:
        l2: the grid of strengths; scikit-learn's `alpha` is N · l2.
    """

    def __init__(self, l2: tuple[float, ...] = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)):
        if not l2 or min(l2) <= 0:
            raise ValueError(f"l2={l2}: give at least one strength above 0")
        self.l2 = tuple(l2)

    def fit_classes(self, features: Tensor, targets: Tensor, validation: Labelled | None) -> None:
        features = features.to(working_dtype(features))
        self.standardise = Standardiser(features)
        x = self.standardise(features)  # (N, D), centred
        y = F.one_hot(targets, len(self.classes)).to(x.dtype)  # (N, C)
        self.bias = y.mean(0)
        values, vectors = torch.linalg.eigh(x.T @ x / len(x))  # (D,), (D, D)
        values = values.clamp(min=0)  # rounding makes zeros negative
        turned = x @ vectors  # (N, D)
        moment = turned.T @ (y - self.bias) / len(x)  # (D, C)

        def solution(l2: float) -> Tensor:
            return vectors @ (moment / (values + l2)[:, None])  # (D, C)

        def left_out(l2: float) -> Tensor:
            """(N, C) what the fit without example i says of example i."""
            fitted = turned @ (moment / (values + l2)[:, None]) + self.bias
            leverage = (1 / len(x) + (turned.square() / (values + l2)).sum(1) / len(x))[:, None]  # (N, 1)
            return y - (y - fitted) / (1 - leverage).clamp(min=1e-12)

        path = sorted(self.l2, reverse=True)
        if validation is None:
            correct = [(first_argmax(left_out(l2)) == targets).sum().item() for l2 in path]
        else:
            held = self.standardise(validation[0])
            said = [first_argmax(held @ solution(l2) + self.bias) for l2 in path]
            correct = [(predicted == validation[1]).sum().item() for predicted in said]
        self.selected["l2"] = path[correct.index(max(correct))]
        self.weight = solution(self.selected["l2"])

    def scores(self, features: Tensor) -> Tensor:
        return self.standardise(features) @ self.weight + self.bias
