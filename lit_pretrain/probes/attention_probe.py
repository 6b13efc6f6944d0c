"""Do all heads together know a relation that no single one follows?

Legend: K layers, H heads, L units of an example, P pairs, M candidates of all pairs, F = 2 · K · H.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from lit_pretrain.part import Recorded


@dataclass(frozen=True)
class Candidates:
    """The units that each pair could lead to, pair after pair.

    Args:
        features: (M, F) how much the pair's first stretch attends to the unit in each head, and the unit to the stretch.
        pair: (M,) int64 whose candidate it is, from 0 to P - 1.
        right: (M,) bool, the pair leads there.
        pairs: P.
    """

    features: Tensor
    pair: Tensor
    right: Tensor
    pairs: int

    @classmethod
    def of(cls, layers: Sequence[Tensor], among: Tensor, pairs: Tensor) -> "Candidates":
        """Of an example.

        Args:
            layers: K of (H, L, L), attention of each unit (row) to each other.
            among: (L,) bool, units that may be chosen; those of the first stretch itself may not.
            pairs: (P, 4) see `Relations`.
        """
        weights = torch.cat([*layers])  # (K · H, L, L)
        start, stop, first, after = pairs.T
        place = torch.arange(weights.shape[1], device=weights.device)
        inside = ((place >= start[:, None]) & (place < stop[:, None])).to(weights.dtype)  # (P, L)
        inside = inside / inside.sum(1, keepdim=True)
        features = torch.cat([inside @ weights, inside @ weights.mT]).movedim(0, 2)  # (P, L, F)
        right = (place >= first[:, None]) & (place < after[:, None])
        pair, unit = ((inside == 0) & among).nonzero().T
        return cls(features[pair, unit], pair, right[pair, unit], len(pairs))

    @classmethod
    def cat(cls, parts: Sequence["Candidates"]) -> "Candidates":
        """One after the other."""
        before = torch.tensor([0, *(part.pairs for part in parts)]).cumsum(0).tolist()
        pair = torch.cat([part.pair + n for part, n in zip(parts, before, strict=False)])
        features, right = (torch.cat([getattr(part, name) for part in parts]) for name in ("features", "right"))
        return cls(features, pair, right, before[-1])


class AttentionProbe(Recorded):
    """Where a pair leads, from the attention of all heads together (the attention-only probe of arXiv 1906.04341).

    p(unit) is proportional to exp(w · attention to it + u · attention from it), over the candidates of a pair; the loss is
    -log of what the right ones have, by L-BFGS from 0.

    Args:
        l2: strength of the penalty l2 / 2 · |w, u|².
        steps: of L-BFGS.
    """

    def __init__(self, l2: float = 1e-4, steps: int = 50):
        if l2 < 0 or steps < 1:
            raise ValueError(f"l2={l2}, steps={steps}: give a strength of 0 or more and at least one step")
        self.l2, self.steps = l2, steps

    def fit(self, known: Candidates) -> Self:
        with torch.inference_mode(False), torch.enable_grad():  # observers run without gradients
            features, pair, right = known.features.clone(), known.pair.clone(), known.right.clone()
            weight = torch.zeros_like(features[0]).requires_grad_()
            solver = torch.optim.LBFGS([weight], max_iter=self.steps, line_search_fn="strong_wolfe")

            def closure() -> Tensor:
                solver.zero_grad()
                scores = features @ weight
                costs = log_sums(scores, pair, known.pairs) - log_sums(scores[right], pair[right], known.pairs)
                there = torch.zeros(known.pairs, dtype=torch.bool, device=pair.device).index_fill(0, pair[right], True)
                loss = costs[there].mean() + self.l2 / 2 * weight.square().sum()
                loss.backward()
                return loss

            solver.step(closure)
        self.weight = weight.detach()
        return self

    def accuracy(self, asked: Candidates) -> float:
        """The share of pairs whose likeliest candidate, of equally likely ones the first, is right."""
        scores = asked.features @ self.weight
        best = scores.new_full((asked.pairs,), -torch.inf).scatter_reduce(0, asked.pair, scores, "amax")
        likeliest = (scores == best[asked.pair]).nonzero()[:, 0]
        last = torch.full((asked.pairs,), len(scores), device=scores.device)
        chosen = last.scatter_reduce(0, asked.pair[likeliest], likeliest, "amin")
        return float(asked.right[chosen[chosen < len(scores)]].sum() / asked.pairs)


def log_sums(scores: Tensor, pair: Tensor, pairs: int) -> Tensor:
    """(P,) log of the sum of exp over the scores (M,) of each pair; -inf: it has none."""
    most = scores.new_full((pairs,), -torch.inf).scatter_reduce(0, pair, scores.detach(), "amax")
    return scores.new_zeros(pairs).index_add(0, pair, (scores - most[pair]).exp()).log() + most
