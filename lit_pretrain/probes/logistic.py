"""Multinomial logistic regression on standardised features.

Legend: N examples, D width of the features, C classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.probes.base import Labelled, Probe, Standardiser, first_argmax, working_dtype


class LogisticProbe(Probe):
    """mean cross-entropy + l2 / 2 · |W|², solved by L-BFGS in float32; the bias is not penalised.

    The strength is the one with the highest accuracy on held-out examples (of equals the strongest); with it the
    probe is fitted again on all training examples. scikit-learn's `C` is 1 / (N · l2).

    Args:
        l2: the grid of strengths.
        held_out: share of the training examples, of every class, that choose the strength when `fit` is given no
            validation features.
        max_iter: L-BFGS iterations of one solution.
        seed: of the choice of held-out examples.
    """

    def __init__(
        self,
        l2: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1, 1.0),
        held_out: float = 0.2,
        max_iter: int = 200,
        seed: int = 0,
    ):
        if not l2 or min(l2) <= 0:
            raise ValueError(f"l2={l2}: give at least one strength above 0")
        if not 0 < held_out <= 0.5:
            raise ValueError(f"held_out={held_out}: must lie between 0 and 0.5")
        self.l2, self.held_out, self.max_iter, self.seed = tuple(l2), held_out, max_iter, seed

    def fit_classes(self, features: Tensor, targets: Tensor, validation: Labelled | None) -> None:
        if len(self.l2) == 1:
            l2 = self.l2[0]
        elif validation is not None:
            l2 = self._best(features, targets, *validation)
        else:
            held = self.hold_out(targets)
            if not held.any():
                raise ValueError(f"{len(targets)} examples: too few to hold some out; give a single l2 or validation"
                                 " features")  # fmt: skip
            l2 = self._best(features[~held], targets[~held], features[held], targets[held])
        self.selected["l2"] = l2
        self._solve(features, targets, [l2])

    def scores(self, features: Tensor) -> Tensor:
        return _with_one(self.standardise(features, torch.float32)) @ self.weight

    def _best(self, features: Tensor, targets: Tensor, held: Tensor, held_targets: Tensor) -> float:
        path = sorted(self.l2, reverse=True)
        accuracy = []
        for weight in self._solve(features, targets, path):
            predicted = first_argmax(_with_one(self.standardise(held, torch.float32)) @ weight)
            accuracy.append(float((predicted == held_targets).double().mean()))
        return path[accuracy.index(max(accuracy))]

    def hold_out(self, targets: Tensor) -> Tensor:
        """(N,) bool; every 1 / held_out-th example of each class in a seeded order."""
        generator = torch.Generator().manual_seed(self.seed)
        shuffled = torch.randperm(len(targets), generator=generator).to(targets.device)
        by_class = shuffled[targets[shuffled].argsort(stable=True)]
        every = round(1 / self.held_out)
        held = torch.zeros_like(targets, dtype=torch.bool)
        held[by_class[every - 1 :: every]] = True
        return held

    def _solve(self, features: Tensor, targets: Tensor, path: list[float]) -> list[Tensor]:
        """The weights (D + 1, C) for each strength, each solution starting from the one before.

        In the directions of the features' covariance, each divided by the root of its curvature, the cost is about equally
        curved in all of them, so that few iterations do: one decomposition serves all strengths.
        """
        self.standardise, wide = Standardiser(features), working_dtype(features)
        x = self.standardise(features, torch.float32)  # (N, D), centred
        variance, directions = torch.linalg.eigh(x.T @ x / len(x))  # (D,), (D, D)
        x = _with_one(x @ directions)  # (N, D + 1)
        one = x.new_ones(1)
        wanted = F.one_hot(targets, len(self.classes)).to(x.dtype)  # (N, C)
        # Of a softmax over C equally likely classes; rounding makes variances of zero negative.
        curvature = torch.cat([variance.clamp(min=0), one])[:, None] / len(self.classes)  # (D + 1, 1)
        penalised = torch.cat([torch.ones_like(variance), 0 * one])[:, None]  # the bias is not
        turned = x.new_zeros(x.shape[1], len(self.classes))  # the weights in these directions
        solutions = []
        for l2 in path:
            scale = (curvature + l2 * penalised).rsqrt()
            scaled = turned / scale

            def closure(scaled: Tensor = scaled, scale: Tensor = scale, l2: float = l2) -> Tensor:
                weight = scale * scaled
                log_p = (x @ weight).log_softmax(1)
                # The gradient is written out, so that this also runs in inference mode.
                scaled.grad = scale * (x.T @ (log_p.exp() - wanted) / len(x) + l2 * penalised * weight)
                # Sums in float64, so that the line search sees the last small steps.
                penalty = (penalised * weight.square()).sum(dtype=wide)
                return l2 / 2 * penalty - log_p.gather(1, targets[:, None]).sum(dtype=wide) / len(x)

            solver = torch.optim.LBFGS([scaled], max_iter=self.max_iter, tolerance_grad=1e-6, tolerance_change=1e-10,
                                       line_search_fn="strong_wolfe")  # fmt: skip
            solver.step(closure)
            turned = scale * scaled.detach()
            self.weight = torch.cat([directions @ turned[:-1], turned[-1:]])
            solutions.append(self.weight)
        return solutions


def _with_one(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_ones(len(x), 1)], 1)
