"""Clusters by rate reduction: those that a small network makes compact in themselves and wide apart together.

Legend: N examples, D width of the features, H hidden width, d width of the embedding, K clusters.
"""

import math
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.probes.base import Labelled, Standardiser
from lit_pretrain.probes.cluster import ClusterProbe


class RateReductionProbe(ClusterProbe):
    """Clusters that save the most of the coding rate (MCR², as in CPP, arXiv 2306.05272).

    A hidden layer embeds frozen features on the sphere as Z and divides them into clusters by a softmax Π, so that the rate
    that clustering saves is highest:

        rate(Z) - sum over k of n_k / N · rate(Z of cluster k), rate(Z) = 1/2 log det(I + d / (n ε²) Zᵀ Z)

    The division starts as that of k-means. The paper's memberships are doubly stochastic and grouped by spectral clustering
    afterwards; here they are the softmax of K outputs, as in arXiv 2201.10000, which new examples have as well. Scores: see
    `ClusterProbe`.

    Args:
        clusters, normalise, starts, seed: see `ClusterProbe`; the seed also of weights and batches.
        hidden, dim: H and d.
        precision: ε², the squared error up to which vectors are coded.
        steps, batch, lr: of Adam, after half as many steps that learn k-means' division and spread Z.
    """

    def __init__(
        self,
        clusters: int | None = None,
        normalise: bool = False,
        starts: int = 10,
        hidden: int = 128,
        dim: int = 32,
        precision: float = 0.5,
        steps: int = 200,
        batch: int = 512,
        lr: float = 3e-3,
        seed: int = 0,
    ):
        super().__init__(clusters, normalise, starts, seed)
        if min(hidden, dim, steps, batch) < 1 or min(precision, lr) <= 0:
            raise ValueError(f"hidden={hidden}, dim={dim}, precision={precision}, steps={steps}, batch={batch}, lr={lr}: all"
                             " must be above 0")  # fmt: skip
        self.hidden, self.dim, self.precision = hidden, dim, precision
        self.steps, self.batch, self.lr = steps, batch, lr

    def fit(self, features: Tensor, labels: Tensor, validation: Labelled | None = None) -> Self:
        super().fit(features, labels, validation)
        start = super().assign(features)
        with torch.inference_mode(False), torch.enable_grad():  # observers run without gradients
            x = self._prepared(features).clone()
            self.standardise = Standardiser(x)
            x, start, draw = self.standardise(x), start.clone(), torch.Generator().manual_seed(self.seed)
            embed, divide = (self.hidden, self.dim), (self.hidden, len(self.centres))
            shapes = [(x.shape[1], self.hidden), embed, divide]
            self.weights = [(torch.randn(s, generator=draw).to(x) / math.sqrt(s[0])).requires_grad_() for s in shapes]
            optimiser = torch.optim.Adam(self.weights, self.lr)
            for step in range(-(self.steps // 2), self.steps):
                chosen = torch.randint(len(x), (min(self.batch, len(x)),), generator=draw).to(x.device)
                z, logits = self._heads(x[chosen])
                saved = self._saved(z, logits.softmax(1))
                loss = -saved if step >= 0 else F.cross_entropy(logits, start[chosen]) - self._rate(z, len(z))
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        self.weights = [weight.detach() for weight in self.weights]
        return self

    def assign(self, features: Tensor) -> Tensor:
        return self._heads(self.standardise(self._prepared(features)))[1].argmax(1)

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, d) of length 1, and logits (N, K)."""
        first, embed, divide = self.weights
        inner = (x @ first).relu()
        return F.normalize(inner @ embed, dim=1), inner @ divide

    def _saved(self, z: Tensor, shares: Tensor) -> Tensor:
        """Nats of a vector of (N, d), by memberships (N, K)."""
        counts = shares.sum(0)  # (K,)
        parts = [n / len(z) * self._rate(z * share.sqrt()[:, None], n) for n, share in zip(counts, shares.T, strict=True)]
        return self._rate(z, len(z)) - sum(parts)

    def _rate(self, z: Tensor, count: Tensor | int) -> Tensor:
        """Nats that a vector takes: of `count` vectors, whose second moment is that of (N, d)."""
        moment = self.dim / (count * self.precision) * z.T @ z
        return 0.5 * torch.linalg.slogdet(torch.eye(self.dim, dtype=z.dtype, device=z.device) + moment).logabsdet
